"""Tariffs: the prices of charging by place and time, and the estimated costs of charges that have none."""
