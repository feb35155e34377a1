"""The console page, the curated commands and usage."""
