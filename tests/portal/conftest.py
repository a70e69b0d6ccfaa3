from tests.backend import connect, distribution, shared_distribution, upstream
from tests.directory import configure, directory, shared_slapd, slapd
from tests.provider import provider, shared_provider

__all__ = [
    "configure", "connect", "directory", "distribution", "provider", "shared_distribution", "shared_provider",
    "shared_slapd", "slapd", "upstream",
]  # fmt: skip
