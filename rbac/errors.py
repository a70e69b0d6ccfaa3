"""What can go wrong with people, groups and roles. The words are for the one who asked.

RbacError
├── InvalidName         a user or group can't be called so
├── InvalidPassword     the password breaks the rules
├── InvalidDN           no name of an entry of a directory
├── NoDirectory         none is set up
├── NameTaken           there is one of that name already
├── UserUnknown
├── GroupUnknown
├── RoleUnknown
├── InvalidPermission   no role of Harbor's grants such a thing
├── SignInRefused       the provider says no, or what it says can't be trusted
└── Protected           the first administrator, a role that is built in or held, what the directory decides

ProviderUnavailable     an outage: the OpenID provider doesn't answer, or can't be used as it is set up
DirectoryUnavailable    an outage: LDAP doesn't answer, or can't be used as it is set up; its words name servers
"""


class RbacError(Exception):
    """The base of them all."""


class InvalidName(RbacError):
    pass


class InvalidPassword(RbacError):
    """Its words say which rule, and never hold the password."""


class InvalidDN(RbacError):
    pass


class NoDirectory(RbacError):
    pass


class NameTaken(RbacError):
    pass


class UserUnknown(RbacError):
    pass


class GroupUnknown(RbacError):
    pass


class RoleUnknown(RbacError):
    pass


class InvalidPermission(RbacError):
    pass


class SignInRefused(RbacError):
    """Its words are for the log: they say what of the provider's answer was wrong, and hold no token."""


class Protected(RbacError):
    pass


class DirectoryUnavailable(Exception):
    """Nothing is said about the credential: it couldn't be looked at. The words are for administrators."""


class ProviderUnavailable(Exception):
    """Nothing is said about who wants to sign in. The words are for administrators."""
