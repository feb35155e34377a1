"""Uploads: pictures in the bucket, private until they are published."""
