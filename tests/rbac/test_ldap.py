"""Signing in by a directory: who may, who may not, and what happens when it is not well."""

import socket
import threading

import pytest

from audit.models import AuditRecord
from rbac import actions, ldap, turnstile
from rbac import directory as rows
from rbac.actors import SYSTEM
from rbac.credentials import InvalidCredentials, authenticate
from rbac.errors import DirectoryUnavailable, GroupUnknown, InvalidDN, NameTaken, Protected, UserUnknown
from rbac.ldap import normal_dn
from rbac.memory import memory
from rbac.models import Group, LoginFailure, User
from rbac.servers import Directory
from tests import slapd as servers
from tests.people import CONTEXT, make_user
from tests.people import PASSWORD as LOCAL_PASSWORD
from tests.slapd import PASSWORD, group_dn, person_dn

pytestmark = pytest.mark.django_db

HERE = "192.0.2.7"


def sign_in(username="lena", password=PASSWORD):
    return authenticate(username, password, address=HERE)


def again(username="lena", password=PASSWORD):
    """A login that nothing is remembered of."""
    memory.forget()
    ldap.forget()
    return rows.sign_in(username, password, context=CONTEXT)


def import_group(name):
    return rows.import_group(group_dn(name), actor=SYSTEM, context=CONTEXT)


@pytest.mark.usefixtures("directory")
def test_a_first_login_makes_the_user():
    actor = sign_in()

    user = User.objects.get(username="lena")
    assert (actor.name, actor.user_id, actor.is_admin) == ("lena", user.pk, False)
    assert (user.email, user.realname, user.ldap_dn) == ("lena@example.com", "Lena Example", person_dn("lena"))
    assert not user.has_usable_password()
    record = AuditRecord.objects.get(resource_type="user", operation="create")
    assert (record.resource, record.address) == ("lena", HERE)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", PASSWORD.lower(), "\x00", "\ud800", "x" * 2000])
def test_it_refuses_a_wrong_password(password):
    with pytest.raises(InvalidCredentials):
        sign_in(password=password)

    assert not User.objects.exists()
    assert LoginFailure.objects.get().failures == 1


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    "username",
    [
        "nobody",
        "*",
        "l*",
        "lena)(uid=*",
        "lena)(|(uid=*",
        "*)(objectClass=*",
        "lena\\2a",
        "(lena)",
        "lena ",
        "le\x00na",
        "",
    ],
)
def test_a_name_is_a_name_and_no_filter(username):
    with pytest.raises(InvalidCredentials):
        sign_in(username)

    assert not User.objects.exists()


@pytest.mark.usefixtures("directory")
def test_two_entries_of_one_name_are_nobody():
    with pytest.raises(InvalidCredentials):
        sign_in("twin")


def test_the_filter_and_the_base_choose_among_entries(directory, configure):
    configure(ldap_base_dn=servers.PEOPLE)
    assert sign_in("twin").name == "twin"

    configure(ldap_filter="(!(uid=lena))")
    with pytest.raises(InvalidCredentials):
        sign_in()


def test_the_scope_says_how_deep_it_looks(directory, configure):
    configure(ldap_scope=1)
    with pytest.raises(InvalidCredentials):
        sign_in()

    configure(ldap_base_dn=servers.PEOPLE)
    assert sign_in().name == "lena"


@pytest.mark.usefixtures("directory")
def test_a_name_in_other_letters_is_the_entrys_user():
    assert sign_in("LENA").name == "lena"
    assert User.objects.get().username == "lena"


@pytest.mark.usefixtures("directory")
def test_the_first_administrator_is_local_whatever_the_directory_holds():
    for name in ("admin", "ADMIN"):
        with pytest.raises(InvalidCredentials):
            sign_in(name)
    admin = make_user("admin", is_admin=True)
    for name in ("admin", "ADMIN"):
        with pytest.raises(InvalidCredentials):
            sign_in(name)

    assert sign_in("admin", LOCAL_PASSWORD).user_id == admin.pk


@pytest.mark.usefixtures("directory")
def test_a_local_users_name_is_not_taken_over():
    user = make_user("lena")

    for name in ("lena", "LENA"):
        with pytest.raises(InvalidCredentials):
            sign_in(name)

    assert sign_in("lena", LOCAL_PASSWORD).user_id == user.pk


def test_without_the_mode_nobody_of_the_directory_comes_in(directory, configure):
    sign_in()
    configure(auth_mode="db_auth")
    memory.forget()
    User.objects.update(password="!other")  # what Redis remembers is of the old one

    with pytest.raises(InvalidCredentials):
        sign_in()


def test_a_verified_credential_is_remembered_and_the_directory_left_alone(directory):
    sign_in()
    before = directory.reads()

    for _ in range(3):
        assert sign_in().name == "lena"

    assert directory.reads() == before


def test_a_login_reads_the_directory_once(directory):
    import_group("builders")
    before = directory.reads()

    sign_in()

    assert directory.reads() - before == 1


def test_groups_found_by_a_search_are_remembered(directory, configure):
    configure(ldap_group_membership_attribute="")
    import_group("builders")
    sign_in()
    memory.forget()
    before = directory.reads()

    rows.sign_in("lena", PASSWORD, context=CONTEXT)

    assert directory.reads() - before == 1
    assert [group.name for group in User.objects.get().user_groups.all()] == ["builders"]


@pytest.mark.parametrize("attribute", ["memberof", "memberOf", ""])
def test_a_user_is_in_the_known_groups_of_the_directory(directory, configure, attribute):
    configure(ldap_group_membership_attribute=attribute)
    group = import_group("builders")
    local = Group.objects.create(name="local")
    sign_in()
    user = User.objects.get()
    local.users.add(user)

    assert set(user.user_groups.all()) == {group, local}


def test_who_leaves_a_group_is_out_at_the_next_login(directory):
    group = import_group("builders")
    directory.add_person("mara")
    change = f"dn: {group_dn('builders')}\nchangetype: modify\n%s: member\nmember: {person_dn('mara')}\n"
    directory.modify(change % "add")
    sign_in("mara")
    assert group.users.filter(username="mara").exists()
    directory.modify(change % "delete")

    again("mara")

    assert not group.users.exists()


def test_the_admin_group_makes_administrators_and_unmakes_them(directory, configure):
    configure(ldap_group_admin_dn=f"CN=Admins, {servers.GROUPS}")
    assert sign_in("ruth").is_admin
    assert not sign_in("lena").is_admin

    configure(ldap_group_admin_dn=group_dn("builders"))

    assert not again("ruth").is_admin
    assert again("lena").is_admin


def test_an_administrator_by_hand_stays_one_without_the_group(directory, configure):
    configure(ldap_group_admin_dn=group_dn("admins"))
    sign_in()
    actions.set_admin(User.objects.get(), True, actor=SYSTEM, context=CONTEXT)

    assert again().is_admin


@pytest.mark.usefixtures("directory")
def test_a_locked_user_stays_out_whatever_the_directory_says():
    sign_in()
    actions.lock_user(User.objects.get(), actor=SYSTEM, context=CONTEXT)

    with pytest.raises(InvalidCredentials):
        sign_in()


def test_who_is_renamed_comes_in_by_the_new_name_alone(directory):
    directory.add_person("nora")
    sign_in("nora")
    directory.modify(f"dn: {person_dn('nora')}\nchangetype: modrdn\nnewrdn: uid=norah\ndeleteoldrdn: 1\n")

    assert sign_in("norah").name == "norah"
    assert again("nora") is None


def test_a_changed_address_is_taken_over(directory):
    directory.add_person("paul")
    sign_in("paul")
    directory.modify(f"dn: {person_dn('paul')}\nchangetype: modify\nreplace: mail\nmail: paul@new.example.com\n")

    again("paul")

    assert User.objects.get().email == "paul@new.example.com"


@pytest.mark.usefixtures("directory")
def test_what_the_directory_decides_is_not_changed_here():
    group = import_group("builders")
    sign_in()
    user = User.objects.get()

    with pytest.raises(Protected):
        actions.set_password(user, LOCAL_PASSWORD, actor=SYSTEM, context=CONTEXT)
    with pytest.raises(Protected):
        actions.remove_from_group(group, user, actor=SYSTEM, context=CONTEXT)


def test_a_dead_directory_stops_neither_local_nor_remembered_users(directory):
    make_user("bob")
    sign_in()
    directory.stop()

    assert sign_in("bob", LOCAL_PASSWORD).name == "bob"
    assert sign_in().name == "lena"
    with pytest.raises(DirectoryUnavailable):
        sign_in("otto")
    assert not LoginFailure.objects.exists()


def test_a_server_that_hangs_is_asked_once_and_then_left_alone(directory, configure):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(ldap_url=f"ldap://127.0.0.1:{silent.getsockname()[1]}", ldap_timeout=1)
        silent.settimeout(0.2)
        for _ in range(5):
            with pytest.raises(DirectoryUnavailable):
                sign_in()

        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_hangs_is_passed_over_for_the_next(directory, configure, scheme):
    with servers.silent_server() as url:
        configure(ldap_url=f"{url.replace('ldap', scheme)} {directory.url}")

        assert sign_in().name == "lena"


def test_a_server_that_never_ends_its_answer_is_passed_over_too(directory, configure):
    with servers.dripping_server() as url:
        configure(ldap_url=f"{url} {directory.url}")

        assert sign_in().name == "lena"


def test_a_dead_server_is_passed_over_for_the_next(directory, configure):
    configure(ldap_url=f"{servers.dead_url()} {directory.url}")

    assert sign_in().name == "lena"


def test_one_process_waits_for_the_directory_and_the_next_one_goes_on(directory):
    holds, done = threading.Event(), threading.Event()

    def hold():
        with turnstile.turn():
            holds.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        holds.wait(20)
        with pytest.raises(DirectoryUnavailable, match="busy"):
            sign_in()
    finally:
        done.set()
        holder.join()

    assert sign_in().name == "lena"


@pytest.mark.parametrize("start_tls", [True, False])
def test_tls_with_the_right_ca(directory, configure, start_tls):
    url = directory.url if start_tls else directory.tls_url
    configure(ldap_url=url, ldap_start_tls=start_tls, ldap_ca_file=str(directory.ca))

    assert sign_in().name == "lena"


@pytest.mark.parametrize("start_tls", [True, False])
def test_tls_with_another_ca_is_refused(directory, configure, tmp_path, start_tls):
    other = servers.make_ca(tmp_path, "other")
    url = directory.url if start_tls else directory.tls_url
    configure(ldap_url=url, ldap_start_tls=start_tls, ldap_ca_file=str(other))

    with pytest.raises(DirectoryUnavailable, match=r"(?i)certificate"):
        sign_in()


@pytest.mark.parametrize("start_tls", [True, False])
def test_tls_under_another_name_than_the_certificates_is_refused(directory, configure, start_tls):
    url = (directory.url if start_tls else directory.tls_url).replace("127.0.0.1", "localhost")
    configure(ldap_url=url, ldap_start_tls=start_tls, ldap_ca_file=str(directory.ca))

    with pytest.raises(DirectoryUnavailable, match=r"(?i)match"):
        sign_in()


def test_a_search_account_that_is_refused_says_nothing_about_a_credential(directory, configure):
    configure(ldap_search_password="wrong")

    with pytest.raises(DirectoryUnavailable, match="search account"):
        sign_in()
    assert not LoginFailure.objects.exists()


def test_a_base_that_is_not_there_is_told(directory, configure):
    configure(ldap_base_dn="dc=nowhere")

    with pytest.raises(DirectoryUnavailable, match="dc=nowhere"):
        sign_in()


def test_nested_groups_are_asked_for_by_active_directorys_rule(directory, configure):
    """OpenLDAP doesn't know the rule and matches nothing by it: no group, and no failure."""
    configure(ldap_group_nested=True)
    import_group("builders")

    assert sign_in().name == "lena"
    person = ldap.Person(dn="cn=a (b)*,dc=x", name="a")
    text = ldap._membership_filter(Directory(urls=(), nested=True), person)
    assert text == r"(member:1.2.840.113556.1.4.1941:=cn=a \28b\29\2a,dc=x)"


@pytest.mark.usefixtures("directory")
def test_a_user_is_imported_before_the_first_login():
    user = rows.import_user("lena", actor=SYSTEM, context=CONTEXT)

    assert sign_in().user_id == user.pk
    with pytest.raises(UserUnknown):
        rows.import_user("nobody", actor=SYSTEM, context=CONTEXT)
    make_user("otto")
    with pytest.raises(NameTaken):
        rows.import_user("otto", actor=SYSTEM, context=CONTEXT)


@pytest.mark.usefixtures("directory")
def test_a_group_is_imported_once_and_only_if_it_is_there():
    group = import_group("builders")
    assert (group.name, group.kind, group.ldap_dn) == ("builders", "ldap", group_dn("builders"))

    with pytest.raises(NameTaken):
        rows.import_group(group_dn("builders"), name="other", actor=SYSTEM, context=CONTEXT)
    for dn in (group_dn("nobody"), "no dn at all"):
        with pytest.raises((GroupUnknown, InvalidDN)):
            rows.import_group(dn, actor=SYSTEM, context=CONTEXT)


@pytest.mark.parametrize("dn", ["cn=Builders,ou=groups,dc=example,dc=com", "CN=builders, OU=Groups,DC=example, DC=com"])
def test_equal_dns_have_one_normal_form(dn):
    assert normal_dn(dn) == "cn=builders,ou=groups,dc=example,dc=com"
