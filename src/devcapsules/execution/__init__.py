"""Runs learners' programs and compares what their functions return; expected values never leave the host."""
