"""Secrets that a client chose for a robot: no better than passwords, so hashed, remembered and held back like them."""

from collections.abc import Sequence

from django.contrib.auth.hashers import check_password, make_password

from rbac import backoff, strain
from rbac.memory import memory, proof_of
from rbac.passwords import check_rules

_LONGEST = 512  # bytes; the rules allow 128 characters


def kept(secret: str) -> str:
    """What is kept of the secret. Raises InvalidPassword for one that breaks the rules of passwords."""
    check_rules(secret, what="secret")
    return make_password(secret)


def is_kept(digest: str) -> bool:
    """Whether that is what is kept of a chosen secret, and not of one that the installation made."""
    return "$" in digest


def matches(owner: int, presented: str, digests: Sequence[str], *, name: str, address: str) -> bool:
    """Whether `presented` is one of the chosen secrets kept as `digests` of the robot with the id `owner`.

    Raises BackOff when too many wrong ones came: unlike a secret of ours, this one can be guessed.
    """
    chosen = [digest for digest in digests if is_kept(digest)]
    if not chosen or not _is_hashable(presented):
        return False
    proofs = {digest: proof_of(owner, digest, presented) for digest in chosen}
    if any(memory.holds(proof) for proof in proofs.values()):
        return True
    strain.check(address)
    backoff.check(address, name)
    for digest, proof in proofs.items():
        if check_password(presented, digest):
            backoff.succeed(address, name)
            memory.remember(proof)
            return True
    strain.fail(address)
    return False


def _is_hashable(secret: str) -> bool:
    try:
        return len(secret.encode()) <= _LONGEST
    except UnicodeEncodeError:  # a lone surrogate
        return False
