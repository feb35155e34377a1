"""Uploaded pictures: recognised by their content, bounded, and without the metadata of devices."""
