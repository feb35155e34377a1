"""Stands in for the runtime's package of this name: blocks calls that are forbidden during the main module's import."""
