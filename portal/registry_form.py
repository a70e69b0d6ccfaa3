"""The form of a registry elsewhere: what its kind needs, where it can be, and what its credential is called there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from portal.forms import TYPED, PortalForm, Text
from replication import adapters
from replication.adapters import Info
from replication.models import Endpoint

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

USUAL = "harbor"
TITLES: dict[str, str | _StrPromise] = {
    "harbor": _("Harbor or Roadstead"),
    "docker-registry": _("Any OCI registry (Distribution)"),
    "docker-hub": "Docker Hub",
    "aws-ecr": "Amazon ECR",
    "azure-acr": "Azure Container Registry",
    "github-ghcr": "GitHub Container Registry",
    "gitlab": "GitLab",
    "google-gcr": "Google Artifact Registry, gcr.io",
    "jfrog-artifactory": "JFrog Artifactory",
    "quay": "Quay",
}
_USER, _PASSWORD, _TOKEN = _("User name"), _("Password"), _("Access token")
# What a vendor calls the two halves of a credential, and where they are made.
_CREDENTIALS: dict[str, tuple[str | _StrPromise, str | _StrPromise, str | _StrPromise]] = {
    "harbor": (_USER, _PASSWORD, _("A robot account is best: its full name, as robot$mirror, and its secret.")),
    "docker-registry": (_USER, _PASSWORD, _("Leave both empty for a registry that asks for none.")),
    "docker-hub": (_USER, _TOKEN, _("A personal access token made in Docker Hub's account settings.")),
    "aws-ecr": (_("Access key ID"), _("Secret access key"), _("Of an IAM user that may read, or write, repositories.")),
    "azure-acr": (
        _("Application ID"),
        _("Client secret"),
        _("A service principal with AcrPull or AcrPush, or the admin user."),
    ),
    "github-ghcr": (_USER, _TOKEN, _("A personal access token (classic) with read:packages, or write:packages.")),
    "gitlab": (_USER, _TOKEN, _("A token with read_registry, or write_registry, and read_api to list repositories.")),
    "google-gcr": (_USER, _("Key file (JSON)"), _("The whole JSON file of a service account's key.")),
    "jfrog-artifactory": (_USER, _TOKEN, _("An identity token, or the password.")),
    "quay": (_("Robot account"), _TOKEN, _("A robot, as team+mirror, and its token.")),
}
_FILE: dict[str, Any] = {**TYPED, "rows": 5, "class": "form-control monospace"}


def title_of(kind: str) -> str:
    return str(TITLES.get(kind, kind))


def _choices() -> list[tuple[str, str | _StrPromise]]:
    """Those that are used most come first."""
    known = adapters.infos()
    return [(kind, TITLES[kind]) for kind in TITLES if kind in known] + [
        (kind, kind) for kind in known if kind not in TITLES
    ]


class RegistryForm(PortalForm):
    """`kept` is the registry that is changed: its secret is neither shown nor asked for again."""

    name = Text(label=_("Name"), help_text=_("What policies and people call it here."), widget=forms.TextInput(TYPED))
    kind = forms.ChoiceField(label=_("Kind"), choices=_choices)
    url = Text(label=_("Address"), widget=forms.TextInput({**TYPED, "inputmode": "url"}))
    access_key = Text(label=_USER, required=False, widget=forms.TextInput(TYPED))
    secret = Text(label=_PASSWORD, required=False, max_length=65_536, strip=False)
    description = Text(label=_("Description"), required=False)
    ca_certificate = Text(
        label=_("CA certificate"), required=False, max_length=65_536,
        widget=forms.Textarea({**_FILE, "placeholder": "-----BEGIN CERTIFICATE-----"}),
        help_text=_("In PEM, for a registry whose certificate no public authority signed."),
    )  # fmt: skip
    insecure = forms.BooleanField(
        label=_("Don't verify its certificate"), required=False,
        help_text=_("Whoever is between here and there could read the credential. A CA certificate is better."),
    )  # fmt: skip

    def __init__(self, data: QueryDict | None = None, *, kind: str = "", kept: Endpoint | None = None) -> None:
        self.kept = kept
        known = adapters.infos()
        wanted = (data.get("kind") if data else "") or kind or (kept.kind if kept else USUAL)
        self.info = known.get(str(wanted), known[USUAL])
        super().__init__(data, initial=_initial(kept, self.info))
        self._address(self.info)
        self._credential(self.info)

    def _address(self, info: Info) -> None:
        field = self.fields["url"]
        if info.fixed:
            field.widget = forms.Select(
                {"class": "form-select"}, choices=[(url, url) for url in info.endpoints.values()]
            )
        elif info.endpoints:
            field.widget.attrs["list"] = "addresses"
            field.help_text = _("Choose one, or type another.")
        else:
            field.widget.attrs["placeholder"] = "https://registry.example.com"
            field.help_text = _("With https:// or http://, and a port where it has one of its own.")

    def _credential(self, info: Info) -> None:
        user, secret, hint = _CREDENTIALS.get(info.kind, (_USER, _PASSWORD, ""))
        key, hidden = self.fields["access_key"], self.fields["secret"]
        key.label, hidden.label, hidden.help_text = user, secret, hint
        if info.access_key:
            key.widget = forms.HiddenInput()
        if info.secret_file:
            hidden.widget = _Unshown(_FILE)
        else:
            hidden.widget = forms.PasswordInput({"class": "form-control", "autocomplete": "new-password"})
        if self.kept and self.kept.sealed_secret:
            hidden.widget.attrs["placeholder"] = _("Kept as it is")

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """What is offered beside a field that takes others too: addresses with their names."""
        return [] if self.info.fixed else [(url, name) for name, url in self.info.endpoints.items()]

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """Fields of `endpoints.Settings`. A secret that wasn't typed is left out: the one that is kept stays."""
        found = dict(given)
        if self.info.access_key:
            found["access_key"] = self.info.access_key if given["secret"] or self.kept else ""
        if not given["secret"]:
            del found["secret"]
        return found


class _Unshown(forms.Textarea):
    """What was typed isn't written into the page again."""

    def format_value(self, value: Any) -> None:  # noqa: ARG002
        return None


def _initial(kept: Endpoint | None, info: Info) -> dict[str, Any]:
    if kept is None:
        return {"kind": info.kind, "access_key": info.access_key}
    names = ("name", "url", "access_key", "description", "ca_certificate", "insecure")
    return {name: getattr(kept, name) for name in names} | {"kind": info.kind}
