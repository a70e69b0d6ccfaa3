"""What clients send of registries and replication, checked field by field as in `api.bodies`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.bodies import said

_SHORT = 255
_LONGEST_SECRET = 64 * 1024  # a service account's key, a chain of certificates
REGISTRY_NAME = {"minLength": 1, "maxLength": 64, "example": "site-b"}
REGISTRY_URL = {
    "maxLength": 512,
    "pattern": r"^(https?://)?[^/?#@\\\s]+(/[^?#@\\\s]*)?$",
    "example": "https://b.example",
}


class RegistryCredential(serializers.Serializer[Any]):
    type = serializers.CharField(required=False, allow_blank=True, default="", max_length=_SHORT)
    access_key = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=_LONGEST_SECRET, trim_whitespace=False
    )
    access_secret = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=_LONGEST_SECRET, trim_whitespace=False
    )


class NewRegistry(serializers.Serializer[Any]):
    name = said(REGISTRY_NAME, max_length=1024, allow_blank=True, trim_whitespace=False)
    type = said({"example": "harbor"}, max_length=_SHORT)
    url = said(REGISTRY_URL, max_length=4096, allow_blank=True)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=64 * 1024, trim_whitespace=False
    )
    credential = RegistryCredential(required=False, allow_null=True, default=None)
    insecure = serializers.BooleanField(required=False, default=False)
    ca_certificate = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, default="", max_length=_LONGEST_SECRET
    )


class _Reached(serializers.Serializer[Any]):
    """How a registry is reached, as far as it is said."""

    credential_type = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=_SHORT)
    access_key = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=_LONGEST_SECRET, trim_whitespace=False
    )
    access_secret = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=_LONGEST_SECRET, trim_whitespace=False
    )
    insecure = serializers.BooleanField(required=False, allow_null=True)
    ca_certificate = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=_LONGEST_SECRET
    )


class RegistryPing(_Reached):
    """A registry that is kept, by its id, but for what is said otherwise; or one that isn't kept."""

    id = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**62)
    type = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=_SHORT)
    url = said(REGISTRY_URL, required=False, allow_null=True, allow_blank=True, max_length=4096)


class RegistryUpdate(_Reached):
    """What isn't named stays."""

    name = said(REGISTRY_NAME, required=False, allow_null=True, max_length=1024, trim_whitespace=False)
    description = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=64 * 1024, trim_whitespace=False
    )
    url = said(REGISTRY_URL, required=False, allow_null=True, max_length=4096)


class RegistryOfPolicy(serializers.Serializer[Any]):
    """One that is kept, by its id; 0 is this installation. What else is said of it is ignored."""

    id = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**62, default=None)


class ReplicationFilter(serializers.Serializer[Any]):
    type = said({"enum": ["name", "tag", "label", "resource"]}, max_length=_SHORT)
    value = serializers.JSONField(required=False, allow_null=True, default=None)
    decoration = said(
        {"enum": ["", "matches", "excludes"]},
        required=False,
        allow_null=True,
        allow_blank=True,
        default="",
        max_length=_SHORT,
    )


class TriggerSettings(serializers.Serializer[Any]):
    cron = said({"example": "0 0 3 * * *"}, required=False, allow_blank=True, default="", max_length=1024)


class ReplicationTrigger(serializers.Serializer[Any]):
    type = said(
        {"enum": ["manual", "scheduled", "event_based"]},
        required=False,
        allow_blank=True,
        default="",
        max_length=_SHORT,
    )
    trigger_settings = TriggerSettings(required=False, allow_null=True, default=None)


class ReplicationPolicy(serializers.Serializer[Any]):
    """A policy as a whole: what isn't named is as in a new one."""

    name = serializers.CharField(max_length=1024, allow_blank=True, trim_whitespace=False)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=64 * 1024, trim_whitespace=False
    )
    src_registry = RegistryOfPolicy(required=False, allow_null=True, default=None)
    dest_registry = RegistryOfPolicy(required=False, allow_null=True, default=None)
    dest_namespace = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=1024, trim_whitespace=False
    )
    dest_namespace_replace_count = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=-1, max_value=127
    )
    trigger = ReplicationTrigger(required=False, allow_null=True, default=None)
    filters = serializers.ListField(
        child=ReplicationFilter(), required=False, allow_null=True, default=list, max_length=100
    )
    replicate_deletion = serializers.BooleanField(required=False, allow_null=True, default=None)
    deletion = serializers.BooleanField(required=False, allow_null=True, default=None)
    override = serializers.BooleanField(required=False, default=False)
    enabled = serializers.BooleanField(required=False, default=False)
    speed = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=-(2**31), max_value=2**31 - 1
    )
    copy_by_chunk = serializers.BooleanField(required=False, allow_null=True, default=False)
    single_active_replication = serializers.BooleanField(required=False, allow_null=True, default=False)


class StartReplicationExecution(serializers.Serializer[Any]):
    policy_id = serializers.IntegerField(min_value=0, max_value=2**62)
    dry_run = serializers.BooleanField(required=False, default=False)
