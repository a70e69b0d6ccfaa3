"""How long a registry token is good: five minutes, unless the configuration says otherwise."""

from datetime import timedelta

from configuration import values

LONGEST = timedelta(days=1)  # that `token_expiration` can say


def seconds() -> int:
    """Of a token that is made now."""
    return values.number("token_expiration") * 60
