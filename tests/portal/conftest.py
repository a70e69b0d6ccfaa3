from tests.directory import configure, directory, shared_slapd, slapd
from tests.provider import provider, shared_provider

__all__ = ["configure", "directory", "provider", "shared_provider", "shared_slapd", "slapd"]
