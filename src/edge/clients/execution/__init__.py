"""Turns a program and its call into one script that any executor's interpreter runs, and reads what came of it."""
