"""What can go wrong with people, groups and roles. The words are for the one who asked.

RbacError
├── InvalidName         a user or group can't be called so
├── InvalidPassword     the password breaks the rules
├── NameTaken           there is one of that name already
├── UserUnknown
├── GroupUnknown
├── RoleUnknown
└── Protected           the first administrator can't be locked, deleted or demoted
"""


class RbacError(Exception):
    """The base of them all."""


class InvalidName(RbacError):
    pass


class InvalidPassword(RbacError):
    """Its words say which rule, and never hold the password."""


class NameTaken(RbacError):
    pass


class UserUnknown(RbacError):
    pass


class GroupUnknown(RbacError):
    pass


class RoleUnknown(RbacError):
    pass


class Protected(RbacError):
    pass
