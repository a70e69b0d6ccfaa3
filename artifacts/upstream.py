"""The upstream registry, through one pooled client per process."""

from functools import cache

from django.conf import settings

from oci.client import RegistryClient

PATIENCE = 5.0  # seconds of silence; the registry is next door, and who waits for it holds a web process
REST = 2.0  # seconds that it is left alone after such a silence


@cache
def registry() -> RegistryClient:
    return RegistryClient(settings.REGISTRY_URL, timeout=PATIENCE, rest=REST)
