"""Coding exercises ("capsules") for a site and an embeddable widget: written or generated, executed and embedded."""

NAME = "devcapsules-api"
