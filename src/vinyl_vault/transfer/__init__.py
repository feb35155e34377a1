"""Import and export: CSV files of Discogs and data from localStorage; checked first, resumable, lossless."""
