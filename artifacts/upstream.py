"""The upstream registry, through one pooled client per process."""

from functools import cache

from django.conf import settings

from oci.client import RegistryClient

PATIENCE = 5.0  # seconds of silence; the registry is next door, and who waits for it holds a web process
HURRY = 1.0  # seconds until a connection must have come about
REST = 2.0  # seconds that it is left alone after such a silence


@cache
def registry() -> RegistryClient:
    return RegistryClient(
        settings.REGISTRY_URL, timeout=PATIENCE, connect_timeout=HURRY, rest=REST, called="the registry"
    )
