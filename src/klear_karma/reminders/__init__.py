"""Reminders of future appointments, created and moved in the batch of their booking."""
