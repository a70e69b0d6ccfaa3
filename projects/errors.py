"""What can go wrong with projects and members. The words are for the one who asked.

ProjectError
├── InvalidProjectName
├── ProjectExists
├── ProjectUnknown
├── ProjectNotEmpty     it still holds repositories (412 in REST)
├── MemberExists
├── MemberUnknown
└── RoleNotAssignable   the role is nobody's to hold (`public`)
"""


class ProjectError(Exception):
    """The base of them all."""


class InvalidProjectName(ProjectError):
    pass


class ProjectExists(ProjectError):
    pass


class ProjectUnknown(ProjectError):
    pass


class ProjectNotEmpty(ProjectError):
    pass


class MemberExists(ProjectError):
    pass


class MemberUnknown(ProjectError):
    pass


class RoleNotAssignable(ProjectError):
    pass
