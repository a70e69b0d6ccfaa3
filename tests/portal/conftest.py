from tests.directory import configure
from tests.provider import provider, shared_provider

__all__ = ["configure", "provider", "shared_provider"]
