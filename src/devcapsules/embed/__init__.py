"""The widget: its page, which other sites embed in a frame, and the tokens for that page's calls."""
