"""Providers and resources of this package, for the composition root."""

from edge.injection import event
from vinyl_vault.transfer import export, routes
from vinyl_vault.transfer.details import Details
from vinyl_vault.transfer.work import ImportWork

PROVIDERS = [event(ImportWork), event(Details)]
RESOURCES = [routes.routes, export.routes]
