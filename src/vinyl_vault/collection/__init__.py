"""Collections: records, lists, statistics, and links that share a collection."""
