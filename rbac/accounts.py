"""The facts about one user that sign-in and permission need: a row of `rbac.User` without the ORM's cost."""

from dataclasses import dataclass, field

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.utils.crypto import salted_hmac

from db.prepared import fetch
from rbac.actors import Actor

_STATEMENT = "SELECT id, username, password, is_active, is_admin, session_epoch FROM rbac_user WHERE username = %s"


@dataclass(frozen=True, slots=True)
class Account:
    """A user as stored at the moment of the question; `password` is the hash."""

    id: int
    username: str
    password: str = field(repr=False)
    is_active: bool
    is_admin: bool
    session_epoch: int

    @property
    def actor(self) -> Actor:
        return Actor(kind="user", name=self.username, user_id=self.id, is_admin=self.is_admin and self.is_active)

    @property
    def is_local(self) -> bool:
        """Whether the password is known here; no directory is asked then."""
        return not self.password.startswith(UNUSABLE_PASSWORD_PREFIX)

    @property
    def session_hash(self) -> str:
        return session_hash(self.password, self.session_epoch)


def session_hash(password: str, epoch: int) -> str:
    """What sessions and refresh tokens are tied to: another one after each change of the password and each lock."""
    return salted_hmac("rbac.User.session", f"{epoch}:{password}", algorithm="sha256").hexdigest()


def read(username: str) -> Account | None:
    """The account of `username`, in one round trip."""
    rows = fetch(_STATEMENT, (username,))
    return Account(*rows[0]) if rows else None
