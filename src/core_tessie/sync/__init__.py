"""The sync: runs, one vehicle's walk, and the backfill."""
