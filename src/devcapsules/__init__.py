"""Coding exercises ("capsules") for a site and an embeddable widget: written or generated, executed and embedded."""

NAME = "devcapsules-api"
VERSION = "0.1.0"
