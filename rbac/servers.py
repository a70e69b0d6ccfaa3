"""How the directory is reached and searched: the `ldap_` items of the configuration as one value."""

from dataclasses import dataclass, field

from configuration import values
from configuration.items import in_parentheses
from rbac.errors import NoDirectory


@dataclass(frozen=True, slots=True)
class Directory:
    urls: tuple[str, ...]
    search_dn: str = ""
    search_password: str = field(default="", repr=False)
    base_dn: str = ""
    filter: str = ""
    uid: str = "cn"
    scope: int = 2
    timeout: int = 5
    verify_cert: bool = True
    start_tls: bool = False
    ca_file: str = ""
    group_base_dn: str = ""
    group_filter: str = ""
    group_name: str = "cn"
    group_scope: int = 2
    membership: str = "memberof"
    nested: bool = False

    @property
    def groups_base(self) -> str:
        """Where groups are; as in Harbor, with people if nothing is said of it."""
        return self.group_base_dn or self.base_dn


def configured() -> Directory:
    """The directory as the configuration items have it now."""
    return Directory(
        urls=urls_of(values.text("ldap_url")),
        search_dn=values.text("ldap_search_dn"),
        search_password=values.text("ldap_search_password"),
        base_dn=values.text("ldap_base_dn"),
        filter=in_parentheses(values.text("ldap_filter")),
        uid=values.text("ldap_uid"),
        scope=values.number("ldap_scope"),
        timeout=values.number("ldap_timeout"),
        verify_cert=values.flag("ldap_verify_cert"),
        start_tls=values.flag("ldap_start_tls"),
        ca_file=values.text("ldap_ca_file"),
        group_base_dn=values.text("ldap_group_base_dn"),
        group_filter=in_parentheses(values.text("ldap_group_search_filter")),
        group_name=values.text("ldap_group_attribute_name") or "cn",
        group_scope=values.number("ldap_group_search_scope"),
        membership=values.text("ldap_group_membership_attribute"),
        nested=values.flag("ldap_group_nested"),
    )


def urls_of(text: str) -> tuple[str, ...]:
    """The servers that `ldap_url` lists. As in Harbor none needs a scheme, and port 636 speaks TLS whatever it says."""
    return tuple(map(_url, text.split()))


def _url(text: str) -> str:
    scheme, _, rest = text.rpartition("://")
    return f"{'ldaps' if rest.rstrip('/').endswith(':636') else scheme or 'ldap'}://{rest}"


def required() -> Directory:
    """`configured`; NoDirectory if there is none."""
    found = configured()
    if not found.urls:
        raise NoDirectory("no LDAP server is set up: ldap_url is empty")
    return found
