"""Runs learners' programs and checks the return values of their functions; expected values never leave the host."""
