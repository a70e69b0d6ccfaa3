"""What a call's token must allow, in the words of Distribution's "Token Scope Documentation"."""

import re

from oci.challenge import Scope

CATALOG: Scope = ("registry:catalog:*",)

_UPLOAD = re.compile("/(.+)/blobs/uploads/[^/]*")


def pull(name: str) -> Scope:
    return (f"repository:{name}:pull",)


def push(name: str) -> Scope:
    return (f"repository:{name}:pull,push",)


def delete(name: str) -> Scope:
    return (f"repository:{name}:pull,delete",)


def push_at(location: str, root: str, name: str) -> Scope:
    """For a step of an upload, whose repository most locations below `root` tell; none where it can't be known."""
    found = _UPLOAD.fullmatch(location.partition("?")[0].removeprefix(root))
    name = name or (found[1] if found else "")
    return push(name) if name else ()
