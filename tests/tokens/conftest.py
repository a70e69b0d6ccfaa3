from tests.directory import configure, directory, shared_slapd, slapd

__all__ = ["configure", "directory", "shared_slapd", "slapd"]
