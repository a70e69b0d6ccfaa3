"""When a tag was put where it is, told from registry to registry along with a manifest: so news that comes late, round
a circle or the long way, takes nothing back. See docs/decisions/circles.md."""

from datetime import UTC, datetime, timedelta

from oci.errors import PreconditionFailed, RegistryError, TagInvalid

HEADER = "Roadstead-Tagged"
_AHEAD = timedelta(hours=1)  # that a clock elsewhere may be
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)  # no registry is older
_LONGEST = 40  # characters of a time


def written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def read(text: str) -> datetime | None:
    """The time that a request tells, None where it tells none. TagInvalid, also for one that can't be."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text[:_LONGEST])
    except ValueError as error:
        raise TagInvalid(f"{HEADER} is no time as in ISO 8601") from error
    if at.tzinfo is None or not _FIRST <= at <= datetime.now(UTC) + _AHEAD:
        raise TagInvalid(
            f"{HEADER} has no time zone, is of another century, or more than an hour ahead of the clock here"
        )
    return at


def moved_later(repository: str, tag: str) -> PreconditionFailed:
    """The answer to news of a tag that was put elsewhere since."""
    detail = {"name": repository, "tag": tag, "later": True}
    return PreconditionFailed(f"the tag {repository}:{tag} was put on something else later than that", detail=detail)


def is_moved_later(error: RegistryError) -> bool:
    told = isinstance(error, PreconditionFailed) and isinstance(error.detail, dict) and error.detail.get("later")
    return told is True
