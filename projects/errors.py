"""What can go wrong with projects, members, labels, robots and tokens. The words are for the one who asked.

ProjectError
├── InvalidProjectName
├── ProjectExists
├── ProjectUnknown
├── ProjectNotEmpty     it still holds repositories (412 in REST)
├── MemberExists
├── MemberUnknown
├── InvalidQuota        a limit that none can be
├── QuotaUnknown
├── RoleNotAssignable   the role is nobody's to hold (`public`)
├── InvalidAllowlist    an entry or a time that can't be
├── InvalidLabel        a name, a colour or a description that can't be
├── LabelExists
├── LabelUnknown
├── InvalidRobot        a name, a duration or an overlap that can't be
├── RobotExists
├── RobotUnknown
├── GrantTooWide        more than its maker holds, or outside of the robot's project
├── InvalidImmutableRule
├── ImmutableRuleExists
├── ImmutableRuleUnknown
├── InvalidPersonalToken
├── PersonalTokenExists
└── PersonalTokenUnknown
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


class InvalidQuota(ProjectError):
    pass


class QuotaUnknown(ProjectError):
    pass


class RoleNotAssignable(ProjectError):
    pass


class InvalidAllowlist(ProjectError):
    pass


class InvalidLabel(ProjectError):
    pass


class LabelExists(ProjectError):
    pass


class LabelUnknown(ProjectError):
    pass


class InvalidRobot(ProjectError):
    pass


class RobotExists(ProjectError):
    pass


class RobotUnknown(ProjectError):
    pass


class GrantTooWide(ProjectError):
    pass


class InvalidImmutableRule(ProjectError):
    pass


class ImmutableRuleExists(ProjectError):
    pass


class ImmutableRuleUnknown(ProjectError):
    pass


class InvalidPersonalToken(ProjectError):
    pass


class PersonalTokenExists(ProjectError):
    pass


class PersonalTokenUnknown(ProjectError):
    pass
