"""Records, prices and covers from Discogs: fetched within its rate limit, cached in R2 and served from there."""
