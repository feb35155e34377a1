"""Runs an app in tests: a client and a runner on both runtimes, and a pytest plugin with their fixtures."""

from edge.testing.client import Answer, Client, EndlessStream, HeaderTable
from edge.testing.host import Host
from edge.testing.remote import RemoteClient
from edge.testing.runner import Case, Runner

__all__ = ["Answer", "Case", "Client", "EndlessStream", "HeaderTable", "Host", "RemoteClient", "Runner"]
