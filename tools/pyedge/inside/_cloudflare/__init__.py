"""Stands in for the runtime's package of this name: blocks calls that are forbidden while the main module is imported."""
