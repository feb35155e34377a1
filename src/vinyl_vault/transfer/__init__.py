"""Import and export: Discogs' CSV files and what a browser kept, checked first, resumable, nothing lost on the way."""
