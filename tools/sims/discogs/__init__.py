"""A stand-in for Discogs: search, releases, masters, marketplace and signed images, with its limit and its faults."""

from sims.discogs.catalogue import RELEASES, Release
from sims.discogs.server import KEY, SECRET, DiscogsSim, Fault

__all__ = ["KEY", "RELEASES", "SECRET", "DiscogsSim", "Fault", "Release"]
