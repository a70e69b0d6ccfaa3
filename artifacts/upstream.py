"""The upstream registry, through one pooled client per process."""

from functools import cache

from django.conf import settings

from oci.client import RegistryClient


@cache
def registry() -> RegistryClient:
    return RegistryClient(settings.REGISTRY_URL)
