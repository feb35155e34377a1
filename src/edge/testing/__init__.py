"""Runs an app in tests: a client and a runner on both runtimes, and a pytest plugin with their fixtures."""

from edge.testing.client import Answer, Client, EndlessStream, HeaderTable

__all__ = ["Answer", "Client", "EndlessStream", "HeaderTable"]
