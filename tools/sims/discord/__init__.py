"""A stand-in for Discord: webhooks, commands, a guild to read, and interactions that are signed and checked."""

from sims.discord.exchange import Exchange
from sims.discord.rates import Bucket, Failure
from sims.discord.seeds import KINDS
from sims.discord.server import DiscordSim
from sims.discord.world import Seen

__all__ = ["KINDS", "Bucket", "DiscordSim", "Exchange", "Failure", "Seen"]
