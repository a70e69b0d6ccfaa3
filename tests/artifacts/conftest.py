from tests.backend import connect, distribution, door, own_distribution, project, shared_distribution, upstream

__all__ = ["connect", "distribution", "door", "own_distribution", "project", "shared_distribution", "upstream"]
