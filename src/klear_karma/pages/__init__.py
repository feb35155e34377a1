"""Pages: practitioners' public profiles as HTML for people and search engines, without a script."""
