"""A stand-in for Discord: webhooks, commands, a guild to read, and interactions that are signed and checked."""

from discord_sim.exchange import Exchange
from discord_sim.rates import Bucket, Failure
from discord_sim.seeds import KINDS
from discord_sim.server import DiscordSim
from discord_sim.world import Seen

__all__ = ["KINDS", "Bucket", "DiscordSim", "Exchange", "Failure", "Seen"]
