"""PostgreSQL beneath the ORM: the few statements of the hot path, and locks."""
