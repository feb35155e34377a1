"""The local runtime: the same app on one machine, with SQLite and files for the platform's services."""
