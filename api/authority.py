"""The certificate of the authority that signed this installation's own: what clients have to trust."""

import logging
import re

from django.conf import settings

_LARGEST = 1024 * 1024  # bytes
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\r?\n?")

logger = logging.getLogger(__name__)


def certificate() -> bytes | None:
    """The certificates in the operator's file, and nothing else that is in it: it might be a key."""
    if settings.CA_CERT is None:
        return None
    try:
        with settings.CA_CERT.open("rb") as file:
            found = b"".join(_CERTIFICATE.findall(file.read(_LARGEST)))
    except OSError as error:
        logger.warning("ROADSTEAD_CA_CERT can't be read: %s", error.strerror)
        return None
    return found or None
