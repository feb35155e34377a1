"""The providers and routes of this room, for the app's composition."""

from edge.injection import event
from vinyl_vault.transfer import export, routes
from vinyl_vault.transfer.details import Details
from vinyl_vault.transfer.work import ImportWork

PROVIDERS = [event(ImportWork), event(Details)]
RESOURCES = [routes.routes, export.routes]
