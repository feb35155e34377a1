"""Tariffs: what charging costs where and when, and the estimated costs of charges that have none."""
