"""Puts an app's demonstration data into its KV and D1, here or at Cloudflare, for `tools/seed.py`."""
