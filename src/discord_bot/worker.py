"""The bot's entry on Workers."""

from discord_bot.app import app
from edge.runtimes.workers.entry import worker

Default = worker(app)

__all__ = ["Default"]
