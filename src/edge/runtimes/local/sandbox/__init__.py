"""Runs untrusted programs under bubblewrap: without network, secrets, the machine's files, or a way to harm it."""
