"""Append-only records of who did what, from where, on what and with what result."""

from audit.entry import Context, context_of
from audit.journal import record

__all__ = ["Context", "context_of", "record"]
