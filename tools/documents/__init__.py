"""Additions to the OpenAPI documents beyond the routes: a module for each app that has some."""
