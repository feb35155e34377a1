"""The default Worker: an owner's Tesla data, mirrored from Tessie into a database of the owner's own."""

NAME = "core-tessie-api"
