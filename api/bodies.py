"""What clients send, checked field by field. A field that Harbor's contract doesn't have is ignored, as Harbor does."""

from __future__ import annotations

from typing import Any, TypeVar

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from oci.pattern import LONGEST
from oci.reference import TAG_PATTERN
from projects import metadata

_SHORT, _COMMENT = 255, 255
_LONGEST_DN = 4096
_DEEPEST = 6  # no body nests deeper
# What the document says of names; who makes them checks them.
_NOT = r',"~#%$:\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069'
USERNAME = {"pattern": rf"^[^\s{_NOT}]([^{_NOT}]*[^\s{_NOT}])?$", "maxLength": _SHORT, "example": "alice"}
PASSWORD = {"format": "password", "minLength": 8, "maxLength": 128, "description": "of upper and lower case and digits"}
PROJECT_NAME = {"pattern": "^[a-z0-9]+([._-][a-z0-9]+)*$", "maxLength": _SHORT, "example": "my-project"}
COLOR = {"pattern": "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", "example": "#48b0c4"}

Form = TypeVar("Form", bound="serializers.Serializer[Any]")


def read(form: type[Form], request: Request) -> dict[str, Any]:
    """The body as `form` reads it. Raises REST framework's errors (400, 415)."""
    # Where nothing was sent there can be a QueryDict, in which a flag that is left out counts as false.
    filled = form(data={} if isinstance(request.data, QueryDict) else _given(request.data))
    filled.is_valid(raise_exception=True)
    return dict(filled.validated_data)


def _given(value: Any, levels: int = _DEEPEST) -> Any:
    """What isn't null: clients say null for what they leave out, and Harbor, written in Go, reads it so."""
    if isinstance(value, dict) and levels:
        return {name: _given(part, levels - 1) for name, part in value.items() if part is not None}
    if isinstance(value, list) and levels:
        return [_given(part, levels - 1) for part in value]
    return value


def said(schema: dict[str, Any], **options: Any) -> Any:
    """Text of which the document says `schema`, and which the domain checks, in its own words."""
    kind = extend_schema_field({"type": "string", **schema})(type("Said", (serializers.CharField,), {}))
    return kind(**options)


class Profile(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=_SHORT)
    realname = serializers.CharField(max_length=_SHORT, allow_blank=True, default="")
    comment = serializers.CharField(max_length=_COMMENT, allow_blank=True, allow_null=True, default="")


class NewUser(Profile):
    username = said(USERNAME, max_length=_SHORT, trim_whitespace=False)
    password = said(PASSWORD, max_length=1024, trim_whitespace=False)


class Password(serializers.Serializer[Any]):
    old_password = serializers.CharField(max_length=1024, trim_whitespace=False, allow_blank=True, default="")
    new_password = said(PASSWORD, max_length=1024, trim_whitespace=False)


class CliSecret(serializers.Serializer[Any]):
    secret = serializers.CharField(max_length=1024, trim_whitespace=False)


class OidcEndpoint(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=1024)
    verify_cert = serializers.BooleanField(default=True)


class SysAdmin(serializers.Serializer[Any]):
    sysadmin_flag = serializers.BooleanField(default=False)  # terraform leaves a false flag out


class LdapConf(serializers.Serializer[Any]):
    """Each field is checked as the configuration item of its name."""

    ldap_url = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=4096)
    ldap_search_dn = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=4096)
    ldap_search_password = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=4096, trim_whitespace=False
    )
    ldap_base_dn = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=4096)
    ldap_filter = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=4096)
    ldap_uid = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=4096)
    ldap_scope = serializers.IntegerField(required=False, allow_null=True)
    ldap_connection_timeout = serializers.IntegerField(required=False, allow_null=True)
    ldap_verify_cert = serializers.BooleanField(required=False, allow_null=True)


class LdapImportUsers(serializers.Serializer[Any]):
    ldap_uid_list = serializers.ListField(
        child=serializers.CharField(allow_blank=True, max_length=_SHORT, trim_whitespace=False), max_length=500
    )


class Metadata(serializers.DictField):
    child = serializers.CharField(allow_null=True, allow_blank=True, trim_whitespace=False)


def _metadatum(schema: dict[str, Any]) -> Any:
    return said(schema, required=False, allow_null=True, allow_blank=schema is not _NUMBER, trim_whitespace=False)


_SWITCH, _NUMBER = {"enum": ["true", "false"]}, {"pattern": "^-?[0-9]{1,18}$", "example": "-1"}
_TEXT = {"maxLength": _SHORT, "pattern": "^[ -~]+$"}


class ProjectMetadata(serializers.Serializer[Any]):
    public = _metadatum(_SWITCH)
    enable_content_trust = _metadatum(_SWITCH)
    enable_content_trust_cosign = _metadatum(_SWITCH)
    prevent_vul = _metadatum(_SWITCH)
    severity = _metadatum({"enum": sorted(metadata.SEVERITIES)})
    auto_scan = _metadatum(_SWITCH)
    auto_sbom_generation = _metadatum(_SWITCH)
    reuse_sys_cve_allowlist = _metadatum(_SWITCH)
    retention_id = _metadatum(_NUMBER)
    proxy_speed_kb = _metadatum(_NUMBER)
    max_upstream_conn = _metadatum(_NUMBER)
    proxy_cache_local_on_not_found = _metadatum(_SWITCH)
    proxy_referrer_api = _metadatum(_SWITCH)
    proxy_cache_filter_pattern = _metadatum(_TEXT)
    proxy_cache_filter_kind = _metadatum(_TEXT)


class AllowlistItem(serializers.Serializer[Any]):
    cve_id = said({"pattern": "^[!-~]{1,128}$", "example": "CVE-2019-10164"}, max_length=_SHORT, trim_whitespace=False)


class Allowlist(serializers.Serializer[Any]):
    id = serializers.IntegerField(required=False)
    project_id = serializers.IntegerField(required=False)
    expires_at = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=253402300799)
    items = serializers.ListField(child=AllowlistItem(), required=False, allow_null=True)
    creation_time = serializers.CharField(required=False)
    update_time = serializers.CharField(required=False)


class QuotaUpdate(serializers.Serializer[Any]):
    hard = serializers.DictField(child=serializers.IntegerField())


class ProjectUpdate(serializers.Serializer[Any]):
    project_name = serializers.CharField(required=False, allow_blank=True, max_length=_SHORT)  # never changed
    public = serializers.BooleanField(required=False, allow_null=True, default=None)
    metadata = ProjectMetadata(required=False, allow_null=True, default=None)
    storage_limit = serializers.IntegerField(required=False, allow_null=True, default=None)
    registry_id = serializers.IntegerField(required=False, allow_null=True, default=None)
    cve_allowlist = Allowlist(required=False, allow_null=True, default=None)


class NewProject(ProjectUpdate):
    project_name = said(PROJECT_NAME, max_length=1024, trim_whitespace=False)


class UserGroupName(serializers.Serializer[Any]):
    group_name = serializers.CharField(max_length=_SHORT, trim_whitespace=False)


class UserGroup(UserGroupName):
    group_type = serializers.IntegerField(min_value=1, max_value=3)
    ldap_group_dn = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, default="", max_length=_LONGEST_DN
    )


class MemberRole(serializers.Serializer[Any]):
    role_id = serializers.IntegerField(min_value=1, max_value=2**62)


class MemberUser(serializers.Serializer[Any]):
    user_id = serializers.IntegerField(required=False, max_value=2**62)
    username = serializers.CharField(required=False, allow_blank=True, max_length=_SHORT)


class MemberGroup(serializers.Serializer[Any]):
    id = serializers.IntegerField(required=False, max_value=2**62)
    group_name = serializers.CharField(required=False, allow_blank=True, max_length=_LONGEST_DN)
    group_type = serializers.IntegerField(required=False, allow_null=True)
    ldap_group_dn = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=_LONGEST_DN)


class NewMember(MemberRole):
    member_user = MemberUser(required=False, allow_null=True, default=None)
    member_group = MemberGroup(required=False, allow_null=True, default=None)


class RepositoryUpdate(serializers.Serializer[Any]):
    description = serializers.CharField(allow_blank=True, max_length=64 * 1024, trim_whitespace=False, default="")


class NewTag(serializers.Serializer[Any]):
    name = said({"pattern": f"^{TAG_PATTERN}$", "example": "v1.0"}, max_length=1024, trim_whitespace=False)


class ImmutableSelector(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["doublestar"], default="doublestar")
    decoration = serializers.CharField(max_length=_SHORT)
    pattern = serializers.CharField(max_length=LONGEST, trim_whitespace=False)


class ImmutableRule(serializers.Serializer[Any]):
    """A rule, or what shall change in one: what isn't named stays."""

    id = serializers.IntegerField(required=False, allow_null=True, default=None)
    priority = serializers.IntegerField(required=False, allow_null=True, default=None)
    disabled = serializers.BooleanField(required=False, allow_null=True, default=None)
    action = serializers.ChoiceField(["immutable"], required=False, allow_null=True, allow_blank=True)
    template = serializers.ChoiceField(["immutable_template"], required=False, allow_null=True, allow_blank=True)
    tag_selectors = serializers.ListField(child=ImmutableSelector(), required=False, allow_null=True, default=None)
    scope_selectors = serializers.DictField(
        child=ImmutableSelector(many=True), required=False, allow_null=True, default=None
    )


class LabelText(serializers.Serializer[Any]):
    name = said({"minLength": 1, "maxLength": 128}, max_length=1024, trim_whitespace=False)
    description = serializers.CharField(
        max_length=64 * 1024, allow_blank=True, allow_null=True, trim_whitespace=False, default=""
    )
    color = said(COLOR, max_length=1024, allow_blank=True, allow_null=True, default="")


class NewLabel(LabelText):
    scope = serializers.ChoiceField(["g", "p"])
    project_id = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**62, default=None)


class LabelId(serializers.Serializer[Any]):
    id = serializers.IntegerField(min_value=0, max_value=2**62)


class Access(serializers.Serializer[Any]):
    resource = serializers.CharField(max_length=128)
    action = serializers.CharField(max_length=64)
    effect = serializers.CharField(max_length=64, required=False, allow_blank=True, allow_null=True)


class GrantedPermission(serializers.Serializer[Any]):
    kind = serializers.CharField(max_length=64)
    namespace = serializers.CharField(max_length=_SHORT, allow_blank=True, default="", trim_whitespace=False)
    access = Access(many=True)


class RobotUpdate(serializers.Serializer[Any]):
    name = serializers.CharField(
        max_length=1024, allow_blank=True, allow_null=True, default=None, trim_whitespace=False
    )
    description = serializers.CharField(
        max_length=1024, allow_blank=True, allow_null=True, default=None, trim_whitespace=False
    )
    level = serializers.CharField(max_length=64, allow_blank=True, allow_null=True, default=None)
    duration = serializers.IntegerField(allow_null=True, default=None)
    disable = serializers.BooleanField(allow_null=True, default=None)
    permissions = serializers.ListField(child=GrantedPermission(), allow_null=True, default=None)


class NewRobot(RobotUpdate):
    name = serializers.CharField(max_length=1024, trim_whitespace=False)
    level = serializers.CharField(max_length=64)
    secret = serializers.CharField(
        max_length=1024, allow_blank=True, allow_null=True, default=None, trim_whitespace=False
    )
    permissions = serializers.ListField(child=GrantedPermission())


class RobotSecret(serializers.Serializer[Any]):
    secret = serializers.CharField(
        max_length=1024, allow_blank=True, allow_null=True, default=None, trim_whitespace=False
    )
    overlap = serializers.IntegerField(min_value=0, max_value=24 * 365, default=0)  # hours


class NewProjectRobot(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=1024, trim_whitespace=False)
    description = serializers.CharField(
        max_length=1024, allow_blank=True, allow_null=True, default=None, trim_whitespace=False
    )
    expires_at = serializers.IntegerField(allow_null=True, default=None)  # Unix seconds
    access = Access(many=True)


class RobotSwitch(serializers.Serializer[Any]):
    disable = serializers.BooleanField()


class NewPersonalToken(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=1024, trim_whitespace=False)
    duration = serializers.IntegerField(allow_null=True, default=None)  # days
    permissions = serializers.ListField(child=GrantedPermission(), allow_null=True, default=None)
