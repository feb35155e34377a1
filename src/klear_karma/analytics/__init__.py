"""Analytics: how often people search, look, book and cancel, a day."""
