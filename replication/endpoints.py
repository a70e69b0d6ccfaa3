"""Endpoints: registries elsewhere, how they are set up, tried and reached. A kept secret goes to its own host alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings as django
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

import audit
from audit import Context
from configuration import values
from db.sealing import SealBroken, seal, unseal
from oci.addresses import Origin
from oci.errors import RegistryError
from rbac.actors import Actor
from replication import absence, adapters, dispatch
from replication.adapters import Access, Adapter
from replication.errors import (
    EndpointExists,
    EndpointInUse,
    EndpointUnhealthy,
    EndpointUnknown,
    InvalidEndpoint,
)
from replication.models import Endpoint

_LOCAL_ADDRESSES = "replication_local_addresses"  # the configuration item: see Access.private
_SEALED_FOR = "replication"
_LONGEST_NAME, _LONGEST_TYPE, _LONGEST_URL, _LONGEST_TEXT = 64, 32, 512, 64 * 1024
_PATIENCE = 10.0  # seconds of silence
SHORT = 4.0  # where somebody waits for the look, and a web process for it
_NOT_YET = "the workers of its own queue haven't looked at it yet"
_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an endpoint is made of; raises InvalidEndpoint for what can't be one."""

    name: str
    kind: str
    url: str
    description: str = ""
    credential_type: str = "basic"
    access_key: str = ""
    secret: str = field(default="", repr=False)
    insecure: bool = False
    ca_certificate: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", parse_url(self.url))
        if not 0 < len(self.name) <= _LONGEST_NAME or not self.name.isprintable() or not self.name.strip():
            raise InvalidEndpoint(f"a registry's name has 1 to {_LONGEST_NAME} printable characters")
        adapters.info(self.kind)
        texts = {"description": self.description, "access_key": self.access_key, "access_secret": self.secret}
        if wrong := next((name for name, text in texts.items() if not _is_plain(name, text)), ""):
            raise InvalidEndpoint(f"{wrong} has at most {_LONGEST_TEXT} characters, without control characters")
        if len(self.credential_type) > _LONGEST_TYPE:
            raise InvalidEndpoint("a credential's type is basic, oauth or secret")
        _check_certificate(self.ca_certificate)


def _is_plain(name: str, text: str) -> bool:
    """A secret may be a file of several lines. Nothing may hold what could end a header."""
    allowed = text.replace("\n", "").replace("\r", "").replace("\t", "") if name != "access_key" else text
    return len(text) <= _LONGEST_TEXT and allowed.isprintable()


def _check_certificate(pem: str) -> None:
    if not pem:
        return
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise InvalidEndpoint("the CA certificate (ca_certificate) holds none in PEM") from error


def parse_url(text: str) -> str:
    """The URL of a registry: http without a scheme, as in Harbor; no slash at its end. InvalidEndpoint."""
    text = text.strip()
    url = (text if "://" in text else f"http://{text}").rstrip("/")
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or not _URL.fullmatch(url) or len(url) > _LONGEST_URL:
        raise InvalidEndpoint("a registry's url is https://HOST, http://HOST or either with a :PORT and a /path")
    if parts.username is not None or parts.query or parts.fragment or "?" in url or "#" in url or "\\" in url:
        raise InvalidEndpoint("a registry's url has neither a user, a query nor a fragment")
    return url


def find(endpoint_id: int) -> Endpoint:
    """EndpointUnknown."""
    endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointUnknown(f"there is no registry {endpoint_id}")
    return endpoint


def settings_of(endpoint: Endpoint) -> Settings:
    """What is kept of the endpoint, its secret opened."""
    return Settings(
        name=endpoint.name,
        kind=endpoint.kind,
        url=endpoint.url,
        description=endpoint.description,
        credential_type=endpoint.credential_type,
        access_key=endpoint.access_key,
        secret=_opened(endpoint),
        insecure=endpoint.insecure,
        ca_certificate=endpoint.ca_certificate,
    )


def _opened(endpoint: Endpoint) -> str:
    if not endpoint.sealed_secret:
        return ""
    try:
        return unseal(endpoint.sealed_secret, purpose=_SEALED_FOR).decode()
    except SealBroken as error:
        raise EndpointUnhealthy(f"the secret of {endpoint.name} has to be set again: {error}") from error


def changed(endpoint: Endpoint, changes: Mapping[str, Any]) -> Settings:
    """What the endpoint would be with `changes` (fields of Settings, None: as it is).

    The secret that is kept was given for one host, verified in one way, and one kind of registry: for another it has to
    be given again. Raises InvalidEndpoint.
    """
    kept = settings_of(endpoint)
    given = {name: value for name, value in changes.items() if value is not None}
    wanted = replace(kept, **given)
    if _goes_elsewhere(wanted, kept) and kept.secret and "secret" not in given:
        raise InvalidEndpoint(
            "the secret (access_secret) is needed with another url or type, and with a certificate that is verified"
            " otherwise than before (insecure, ca_certificate): the one that is kept goes to its own registry alone"
        )
    return wanted


def _goes_elsewhere(wanted: Settings, kept: Settings) -> bool:
    """Whether a secret may come to somebody else than before: with other authorities, or none, to whoever stands in
    between. With the system's again it comes to the host itself."""
    trusts = not kept.insecure and (wanted.insecure or wanted.ca_certificate not in {kept.ca_certificate, ""})
    return Origin.of(wanted.url) != Origin.of(kept.url) or wanted.kind != kept.kind or trusts


def local_addresses_are_allowed() -> bool:
    return values.flag(_LOCAL_ADDRESSES)


def look(settings: Settings, *, private: bool | None = None, patience: float = _PATIENCE) -> None:
    """Raise EndpointUnhealthy, with what fails, unless the registry answers and takes the credential.

    `private`: whether local addresses are allowed, as configured if None. With it the database isn't asked.
    `patience`: seconds of silence.
    """
    adapter = _adapter(settings, private=private, tries=1, timeout=patience)
    try:
        adapter.check()
    except RegistryError as error:
        raise EndpointUnhealthy(f"the registry is unhealthy: {error.message}") from error
    finally:
        adapter.close()


def labels_of(endpoint: Endpoint) -> list[str]:
    """The names of labels there that a filter can choose from; none where it doesn't answer."""
    if not adapters.info(endpoint.kind).labels:
        return []
    try:
        adapter = _adapter(settings_of(endpoint), tries=1, timeout=SHORT)
    except EndpointUnhealthy:
        return []
    try:
        return adapter.labels()
    except RegistryError:
        return []
    finally:
        adapter.close()


def is_reached_from_here(name: str) -> bool:
    """Else workers of its own reach the endpoint: they look at it as soon as it is kept."""
    return name not in django.SITE_QUEUES


def create(settings: Settings, *, actor: Actor, context: Context) -> Endpoint:
    """A new endpoint, which answers by now if it is reached from here. Raises EndpointUnhealthy, EndpointExists."""
    if is_reached_from_here(settings.name):
        look(settings)
    endpoint = Endpoint()
    with transaction.atomic():
        _write(endpoint, settings)
        _record(actor, "create", endpoint, context)
    return endpoint


def update(endpoint_id: int, changes: Mapping[str, Any], *, actor: Actor, context: Context) -> None:
    """Change an endpoint, which has to answer as it shall be unless only words about it change. Raises EndpointUnknown,
    EndpointExists, EndpointUnhealthy, InvalidEndpoint."""
    row = find(endpoint_id)
    wanted = changed(row, changes)
    changes_way = _is_reached_otherwise(wanted, settings_of(row))
    if changes_way and is_reached_from_here(wanted.name):
        look(wanted)
    with transaction.atomic():
        endpoint = _held(endpoint_id)
        before = settings_of(endpoint)
        wanted = changed(endpoint, changes)
        _write(endpoint, wanted, changes_way=changes_way)
        names = sorted(name for name, value in asdict(wanted).items() if value != getattr(before, name))
        _record(actor, "update", endpoint, context, changed=names)


def _is_reached_otherwise(wanted: Settings, kept: Settings) -> bool:
    return replace(wanted, name=kept.name, description=kept.description) != kept


@transaction.atomic
def delete(endpoint_id: int, *, actor: Actor, context: Context) -> None:
    """Raises EndpointUnknown, and EndpointInUse while a policy names it."""
    endpoint = _held(endpoint_id)
    _record(actor, "delete", endpoint, context)
    try:
        with transaction.atomic():
            endpoint.delete()
    except (ProtectedError, IntegrityError) as error:
        raise EndpointInUse(
            f"the registry {endpoint.name} is used by replication policies: delete them first"
        ) from error


def _held(endpoint_id: int) -> Endpoint:
    endpoint = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointUnknown(f"there is no registry {endpoint_id}")
    return endpoint


def _write(endpoint: Endpoint, settings: Settings, *, changes_way: bool = True) -> None:
    """The row as `settings` has it, which may be reached otherwise than before. If it is from here, it was seen to be
    healthy just now."""
    for name, value in asdict(settings).items():
        if name != "secret":
            setattr(endpoint, name, value)
    endpoint.sealed_secret = seal(settings.secret.encode(), purpose=_SEALED_FOR) if settings.secret else ""
    looked = changes_way and is_reached_from_here(settings.name)
    if looked:
        endpoint.healthy, endpoint.problem, endpoint.checked_at = True, "", timezone.now()
    elif changes_way:
        endpoint.healthy, endpoint.problem, endpoint.checked_at = None, _NOT_YET, None
    endpoint.updated_at = timezone.now()
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as error:
        raise EndpointExists(f"there is a registry {endpoint.name} already") from error
    if looked:
        absence.looked(endpoint.pk, None)
    elif changes_way:
        transaction.on_commit(lambda: dispatch.check(endpoint))


def _record(actor: Actor, operation: str, endpoint: Endpoint, context: Context, **detail: object) -> None:
    told = {"type": endpoint.kind, "url": endpoint.url, **detail}
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="registry",
        resource=endpoint.name,
        context=context,
        detail=told,
    )


def adapter_of(endpoint: Endpoint) -> Adapter:
    """The endpoint's adapter; close it. EndpointUnhealthy where its secret can't be opened any more."""
    return _adapter(settings_of(endpoint))


def _adapter(settings: Settings, *, private: bool | None = None, **options: Any) -> Adapter:
    access = Access(
        url=settings.url,
        access_key=settings.access_key,
        secret=settings.secret,
        insecure=settings.insecure,
        ca=settings.ca_certificate,
        private=local_addresses_are_allowed() if private is None else private,
        **options,
    )
    return adapters.adapter(settings.kind, access)
