"""A record collector's site: a collection that works offline and syncs, covers and prices from Discogs, statistics."""

NAME = "vinyl-vault-api"
