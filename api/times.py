"""Moments as Harbor writes them."""

from datetime import UTC, datetime

NEVER = "0001-01-01T00:00:00.000Z"  # Go's zero time: what Harbor's clients read as "not yet"


def written(moment: datetime | None) -> str:
    """RFC 3339 in UTC to the millisecond; NEVER for None."""
    if moment is None:
        return NEVER
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
