"""Makes the domain of the tests: run by the system's Python, which has Samba's bindings, as `provision.py smb.conf
PASSWORD`."""

import logging
import sys
from pathlib import Path

from samba import param  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2  # type: ignore[import-not-found]
from samba.provision import provision  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

BASE = "DC=ad,DC=example,DC=com"
PEOPLE = ("lena", "otto", "ruth", "search", "disabled", "expired", "stale", "locked")
GROUPS = {"team": ["lena"], "builders": ["team"], "makers": ["builders"], "admins": ["ruth"], "bosses": ["admins"]}
LONG_AGO = "131000000000000000"  # a moment of 2016, in units of 100 ns since 1601


def make_domain(settings: Path, password: str) -> SamDB:
    loaded = param.LoadParm()
    loaded.load(str(settings))
    provision(
        logging.getLogger(), system_session(), smbconf=str(settings), lp=loaded, realm="AD.EXAMPLE.COM",
        domain="EXAMPLE", hostname="dc1", hostip="127.0.0.1", adminpass=password, dns_backend="NONE",
        serverrole="active directory domain controller", dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
    )  # fmt: skip
    url = settings.parent / "private" / "sam.ldb"
    return SamDB(url=str(url), session_info=system_session(), lp=loaded)


def populate(domain: SamDB, password: str) -> None:
    for unit in ("Staff", "Groups"):
        domain.add({"dn": f"OU={unit},{BASE}", "objectClass": "organizationalUnit"})
    for name in PEOPLE:
        domain.newuser(
            name, password, userou="OU=Staff", givenname=name.title(), surname="Example",
            mailaddress=f"{name}@example.com",
        )  # fmt: skip
    for group, members in GROUPS.items():
        domain.newgroup(group, groupou="OU=Groups")
        domain.add_remove_group_members(group, members, add_members_operation=True)
    domain.toggle_userAccountFlags("(sAMAccountName=disabled)", 2, flags_str="disabled", on=True)
    change(domain, f"CN=expired,OU=Staff,{BASE}", "accountExpires", LONG_AGO)
    change(domain, f"CN=stale,OU=Staff,{BASE}", "pwdLastSet", "0")  # has to choose a new password
    change(domain, BASE, "lockoutThreshold", "3")


def change(domain: SamDB, dn: str, attribute: str, value: str) -> None:
    domain.modify_ldif(f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")


if __name__ == "__main__":
    made = make_domain(Path(sys.argv[1]), sys.argv[2])
    made.transaction_start()
    populate(made, sys.argv[2])
    made.transaction_commit()
