"""Checks a user name and a password."""

from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password

from audit import Context
from rbac import accounts, backoff, directory, strain
from rbac.accounts import Account
from rbac.actors import Actor
from rbac.backoff import BackOff
from rbac.memory import memory, proof_of
from rbac.names import is_plausible

__all__ = ["BackOff", "InvalidCredentials", "Verified", "authenticate", "verify"]

_LONGEST_PASSWORD = 1024  # bytes; more than any user may set, and hashing has its price


class InvalidCredentials(Exception):
    """Unknown user, wrong password or a locked user. Which of them, nobody is told."""

    def __init__(self) -> None:
        super().__init__("incorrect username or password")


@dataclass(frozen=True, slots=True)
class Verified:
    """Somebody whose credential is good. `fresh` when the password was hashed for it or the directory asked, and not
    remembered. `account` is another one than was handed in when the directory's word made or changed it."""

    actor: Actor
    fresh: bool
    account: Account | None = None


def authenticate(username: str, password: str, *, address: str) -> Actor:
    """Who signs in with `username` and `password` from `address`.

    The user's row is read at each call, so a lock or a deletion counts at once. Raises InvalidCredentials, or
    BackOff when too many tries from there have failed.
    """
    account = accounts.read(username) if is_plausible(username) else None
    return verify(account, username, password, address=address).actor


def verify(account: Account | None, username: str, password: str, *, address: str) -> Verified:
    """`authenticate` for a caller that has read the account (None: there is no such user) just now.

    Raises DirectoryUnavailable as well, for whom only the directory knows.
    """
    if account is None or not account.is_active or not _is_hashable(password):
        return _verify_unknown(account, username, password, address)
    proof = proof_of(account.id, account.password, password)
    if memory.holds(proof):
        return Verified(account.actor, fresh=False, account=account)
    if not account.is_local:
        return _verify_unknown(account, username, password, address)
    _check(address, username)
    if not check_password(password, account.password):
        _fail(address, username)
        raise InvalidCredentials
    backoff.succeed(address, username)
    memory.remember(proof)
    return Verified(account.actor, fresh=True, account=account)


def _verify_unknown(account: Account | None, username: str, password: str, address: str) -> Verified:
    """Whose password isn't known here: the directory's people, if people sign in by it, and otherwise nobody."""
    _check(address, username)
    found = None
    if _may_be_the_directorys(account, username, password) and directory.is_on():
        found = directory.sign_in(username, password, context=Context(address=address))
    else:
        make_password("")  # as slow as for a user who exists
    if found is None or not found.is_active:
        _fail(address, username)
        raise InvalidCredentials
    backoff.succeed(address, username)
    memory.remember(proof_of(found.id, found.password, password))
    return Verified(found.actor, fresh=True, account=found)


def _may_be_the_directorys(account: Account | None, username: str, password: str) -> bool:
    if account is not None and (account.is_local or not account.is_active):
        return False
    return bool(password) and is_plausible(username) and _is_hashable(password)


def _check(address: str, username: str) -> None:
    strain.check(address)
    backoff.check(address, username)


def _fail(address: str, username: str) -> None:
    strain.fail(address)
    backoff.fail(address, username)


def _is_hashable(password: str) -> bool:
    """False for what can't be anybody's password: too long, or no text at all (a lone surrogate)."""
    try:
        return len(password.encode()) <= _LONGEST_PASSWORD
    except UnicodeEncodeError:
        return False
