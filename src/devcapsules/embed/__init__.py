"""The widget: its page in a frame of others' pages, and the tokens by which that page calls."""
