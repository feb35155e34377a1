"""Providers, limits and resources of this package, for the composition root."""

from edge import Limit
from edge.clients.leases import Leases
from edge.injection import event, singleton
from vinyl_vault.discogs import expiry, images, routes
from vinyl_vault.discogs.answers import Answers
from vinyl_vault.discogs.budget import Budget
from vinyl_vault.discogs.client import Discogs
from vinyl_vault.discogs.cover_art import CoverArt
from vinyl_vault.discogs.covers import Covers
from vinyl_vault.discogs.prices import Prices
from vinyl_vault.discogs.releases import Releases
from vinyl_vault.discogs.search import Search

PROVIDERS = [
    singleton(Leases),
    singleton(Budget),
    singleton(Discogs),
    singleton(CoverArt),
    singleton(Covers),
    event(Answers),
    event(Releases),
    event(Search),
    event(Prices),
    event(expiry.Expiry),
]
LIMITS = {"SEARCH_LIMITER": Limit(30, 60)}
"""Limit of searches and prices per client address, so that one visitor does not use up the calls of all."""
RESOURCES = [routes.routes, images.routes, expiry.routes]
