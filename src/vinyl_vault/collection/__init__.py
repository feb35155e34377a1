"""Collections: records, lists, statistics, links that show a collection to others."""
