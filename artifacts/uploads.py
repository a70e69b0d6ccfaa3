"""Taking up an upload that was broken off: Distribution itself refuses it, although the bytes are there.

It signs the state of an upload into each Location, the offset among it, and takes none whose offset isn't the file's
size. After a broken connection no client has such a Location. With a file-system store and the secret of the upstream
registry (REGISTRY_HTTP_SECRET) a fresh one can be written here.
"""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

from django.conf import settings

from artifacts import store
from artifacts.upstream import registry

_LOOKS, _PAUSE = 5, 0.05  # at an upload that grows; seconds in between


def status(repository: str, upload: str, location: str) -> tuple[str, int] | None:
    """Where to go on with an upload and how many bytes are there; None when it is gone.

    `location` is the client's, whose state may be outdated. The caller has made sure that it may push there.
    """
    found = registry().upload_status(location)
    if found is not None or not settings.REGISTRY_HTTP_SECRET or store.driver() != "filesystem":
        return found
    for _ in range(_LOOKS):
        unfinished = store.unfinished_upload(repository, upload)
        if unfinished is None:
            return None
        state = _state(repository, upload, *unfinished)
        found = registry().upload_status(f"/v2/{repository}/blobs/uploads/{upload}?{urlencode({'_state': state})}")
        if found is not None:
            return found
        time.sleep(_PAUSE)  # what came in before the line broke was still being written, and made it longer
    return None


def _state(repository: str, upload: str, offset: int, started: str) -> str:
    """The state as Distribution 2.8 writes it (registry/handlers/hmac.go): an HMAC-SHA256, then the JSON it is of."""
    text = json.dumps({"Name": repository, "UUID": upload, "Offset": offset, "StartedAt": started}).encode()
    signature = hmac.new(settings.REGISTRY_HTTP_SECRET.encode(), text, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(signature + text).decode()
