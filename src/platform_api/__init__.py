"""One REST API for a community's site: its content out of Sanity, forms, answers to questions, and its Discord."""

NAME = "platform-api"
