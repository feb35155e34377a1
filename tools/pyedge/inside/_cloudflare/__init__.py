"""Stands in for the runtime's package of this name: what may not be done while the main module is imported."""
