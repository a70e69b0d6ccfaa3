"""Names of repositories, tags and references, parsed once at the door."""

import re

from oci.digest import Digest
from oci.errors import NameInvalid, TagInvalid

MAX_NAME = 255

COMPONENT_PATTERN = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY_PATTERN = rf"{COMPONENT_PATTERN}(?:/{COMPONENT_PATTERN})+"
PATH_PATTERN = rf"{COMPONENT_PATTERN}(?:/{COMPONENT_PATTERN})*"  # elsewhere a name may be one component
TAG_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"

_REPOSITORY = re.compile(REPOSITORY_PATTERN)
_TAG = re.compile(TAG_PATTERN)
_SHOWN = 160


def parse_repository(text: str) -> str:
    """A repository name as distribution-spec "Pulling manifests" has it, in a project: two components or more."""
    if len(text) > MAX_NAME:
        raise NameInvalid(f"invalid repository name: longer than {MAX_NAME} characters")
    if not _REPOSITORY.fullmatch(text):
        raise NameInvalid(f"invalid repository name {text!r}: lowercase project/repository expected")
    return text


def project_of(name: str) -> str:
    """The project of a repository name: all before the first slash."""
    return name.partition("/")[0]


def parse_tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise TagInvalid(f"invalid tag {text[:_SHOWN]!r}: up to 128 letters, digits, '_', '.' and '-' expected")
    return text


def parse_reference(text: str) -> Digest | str:
    """A digest when there is a colon (a tag never holds one), else a tag; DigestInvalid or TagInvalid."""
    return Digest.parse(text) if ":" in text else parse_tag(text)
