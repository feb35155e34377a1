"""A module beside the main one."""

VERSION = 1
