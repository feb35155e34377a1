"""Turns a program and its call into one script for any executor's interpreter, and reads the result."""
