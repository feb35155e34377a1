"""Reminders of coming appointments, made and moved in the batch of their booking."""
