"""Records, prices and covers by Discogs: searched within its limit, kept in R2 and served from there."""
