"""How passwords are hashed, and what a password must be like."""

from django.contrib.auth.hashers import Argon2PasswordHasher

from rbac.errors import InvalidPassword

_SHORTEST, _LONGEST = 8, 128
_KINDS = {"an upper-case letter": str.isupper, "a lower-case letter": str.islower, "a digit": str.isdigit}


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id at the second option that RFC 9106 section 4 recommends: 64 MiB, three passes, four lanes."""

    time_cost = 3
    memory_cost = 64 * 1024  # KiB
    parallelism = 4


def check_rules(password: str, *, what: str = "password") -> None:
    """Raise InvalidPassword unless `password` is what Harbor takes: 8 to 128 characters of three kinds."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise InvalidPassword(f"a {what} has {_SHORTEST} to {_LONGEST} characters")
    for kind, has in _KINDS.items():
        if not any(has(character) for character in password):
            raise InvalidPassword(f"a {what} needs {kind}")
    if not password.isprintable():
        raise InvalidPassword(f"a {what} can't hold control characters")
