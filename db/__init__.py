"""PostgreSQL beneath the ORM: the few statements of the hot path, locks, and text sealed for a column."""
