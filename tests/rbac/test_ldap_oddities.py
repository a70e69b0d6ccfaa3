"""What directories hold besides plain names: other kinds of groups, odd letters, and servers that refuse TLS."""

import socket
import threading

import pytest

from rbac import directory as rows
from rbac.actors import SYSTEM
from rbac.credentials import authenticate
from rbac.errors import DirectoryUnavailable
from rbac.models import User
from tests import slapd as servers
from tests.people import CONTEXT
from tests.slapd import GROUPS, PASSWORD, SEARCH_PASSWORD, person_dn

pytestmark = pytest.mark.django_db

# RFC 4511: a message that ends an extended operation (StartTLS, the first message) with protocolError.
_NO_TLS = bytes.fromhex("300c02010178070a010204000400")


def sign_in(username):
    return authenticate(username, PASSWORD, address="192.0.2.7")


def groups_of(username):
    return set(User.objects.get(username=username).user_groups.values_list("name", flat=True))


@pytest.fixture
def add(directory):
    """Add an entry for the time of the test."""
    added = []

    def entry(dn, *lines):
        directory.modify("\n".join((f"dn: {dn}", *lines)) + "\n", "-a")
        added.append(dn)
        return dn

    yield entry
    for dn in reversed(added):
        directory.modify(f"dn: {dn}\nchangetype: delete\n")


@pytest.fixture
def person(add):
    def make(uid, dn=None):
        return add(
            dn or person_dn(uid), "objectClass: inetOrgPerson", f"uid: {uid}", f"cn: {uid}", f"sn: {uid}",
            f"userPassword: {PASSWORD}",
        )  # fmt: skip

    return make


def test_groups_of_other_kinds_are_found_by_a_search(add, configure):
    unique = add(
        f"cn=unique,{GROUPS}", "objectClass: groupOfUniqueNames", "cn: unique", f"uniqueMember: {person_dn('lena')}"
    )
    posix = add(f"cn=posix,{GROUPS}", "objectClass: posixGroup", "cn: posix", "gidNumber: 7", "memberUid: lena")
    configure(ldap_group_membership_attribute="", ldap_group_search_filter="")
    for dn in (unique, posix):
        rows.import_group(dn, actor=SYSTEM, context=CONTEXT)
    sign_in("lena")
    sign_in("otto")
    assert groups_of("lena") == {"unique", "posix"}
    assert groups_of("otto") == set()


@pytest.mark.parametrize("attribute", ["memberof", ""])
@pytest.mark.parametrize(
    ("rdn", "name"),
    [
        (r"Köln", "Köln"),
        (r"R\2C D", "R, D"),
        (r"R \2B D", "R + D"),
        (r"a \28b\29 \2A", "a (b) *"),
        (r"quoted \22x\22", 'quoted "x"'),
        (r"back\5Cslash", r"back\slash"),
        (r"eq\3Dual", "eq=ual"),
        (r"\23hash", "#hash"),
        (r"less\3Cmore\3E", "less<more>"),
        (r"semi\3Bcolon", "semi;colon"),
    ],
)
def test_a_groups_name_may_hold_what_filters_and_dns_escape(add, configure, attribute, rdn, name):
    configure(ldap_group_membership_attribute=attribute)
    dn = add(f"cn={rdn},{GROUPS}", "objectClass: groupOfNames", f"cn: {name}", f"member: {person_dn('lena')}")
    group = rows.import_group(dn, actor=SYSTEM, context=CONTEXT)
    assert group.name == name
    sign_in("lena")
    assert groups_of("lena") == {name}


@pytest.mark.parametrize("attribute", ["memberof", ""])
@pytest.mark.parametrize("name", ["müller", "o'neil", "anna maria", "a.b+c@example.com", "(x)*", "back\\slash"])
def test_a_persons_name_may_hold_what_filters_escape(person, add, configure, attribute, name):
    configure(ldap_group_membership_attribute=attribute)
    dn = person(name, f"cn=entry,{servers.PEOPLE}")
    group = add(f"cn=odd,{GROUPS}", "objectClass: groupOfNames", "cn: odd", f"member: {dn}")
    rows.import_group(group, actor=SYSTEM, context=CONTEXT)
    assert sign_in(name).name == name
    assert groups_of(name) == {"odd"}


def test_a_name_in_another_unicode_form_is_the_same_name(person):
    person("m\u00fcller", f"cn=entry,{servers.PEOPLE}")
    assert sign_in("mu\u0308ller").name == "m\u00fcller"
    assert User.objects.count() == 1


def test_a_server_that_refuses_tls_sees_no_password(directory, configure):
    seen = bytearray()

    def refuse():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(3)
            connection.recv(4096)
            connection.sendall(_NO_TLS)
            try:
                while data := connection.recv(4096):
                    seen.extend(data)
            except TimeoutError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        configure(ldap_url=f"ldap://127.0.0.1:{listener.getsockname()[1]}", ldap_start_tls=True)
        with pytest.raises(DirectoryUnavailable):
            sign_in("lena")
        thread.join(10)
    assert SEARCH_PASSWORD.encode() not in seen
