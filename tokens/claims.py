"""What a verified token says."""

from dataclasses import dataclass

from projects.robots import MARK
from rbac.actors import ANONYMOUS, Actor

PERSONAL = "roadstead.personal_token"  # our own claim, where a personal access token bounds the subject: its id
Access = dict[tuple[str, str], frozenset[str]]  # (type, name) → actions


@dataclass(frozen=True, slots=True)
class Claims:
    """The subject ("" for anonymous) and what it was granted, until `expires_at` (seconds since the epoch).

    `token` is the id of the personal access token that bounds the subject.
    """

    subject: str
    access: Access
    expires_at: int
    jti: str
    token: int | None = None

    def allows(self, kind: str, name: str, action: str) -> bool:
        """Whether the token grants `action` on, say, the "repository" `name`."""
        return action in self.access.get((kind, name), ())

    @property
    def actor(self) -> Actor:
        """Who the token was given to. What it may do is in the claims, so the actor is no administrator here."""
        if not self.subject:
            return ANONYMOUS
        return Actor(kind="robot" if MARK in self.subject else "user", name=self.subject)
