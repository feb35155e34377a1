"""The default Worker: an owner's Tesla data, mirrored from Tessie into the owner's database."""

NAME = "core-tessie-api"
