"""What the domain says no by, in the reader's language: its own words are English, and hold the particulars."""

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from artifacts.labelling import AlreadyLabelled
from artifacts.tagging import TagExists
from configuration.errors import InvalidValue, ItemFrozen
from oci import errors as oci
from portal import telling
from projects import errors as projects
from rbac import errors as rbac
from replication import errors as replication

_WORDS = {
    rbac.InvalidName: _("Nobody can be called so."),
    rbac.InvalidPassword: _("The password breaks the rules: 8 to 128 characters, upper case, lower case and a digit."),
    rbac.InvalidDN: _("This is no name of an entry of a directory."),
    rbac.InvalidPermission: _("There is no such permission."),
    rbac.NoDirectory: _("No directory is set up."),
    rbac.NameTaken: _("There is one of this name already."),
    rbac.UserUnknown: _("There is no such user."),
    rbac.GroupUnknown: _("There is no such group."),
    rbac.Protected: _("This is protected and can't be done."),
    projects.InvalidProjectName: _("No project can be called so."),
    projects.ProjectExists: _("There is a project of this name already."),
    projects.ProjectNotEmpty: _("The project still holds repositories: delete them first."),
    projects.MemberExists: _("This is a member already."),
    projects.GrantTooWide: _("Nobody gives more than they hold themselves."),
    projects.InvalidQuota: _("This is no limit: 10GiB is one, or unlimited."),
    projects.InvalidLabel: _("No label can be like this."),
    projects.LabelExists: _("There is a label of this name already."),
    projects.InvalidRobot: _("No robot can be like this."),
    projects.RobotExists: _("There is a robot of this name already."),
    projects.InvalidImmutableRule: _("No rule can be like this."),
    projects.ImmutableRuleExists: _("There is such a rule already."),
    projects.InvalidPersonalToken: _("No token can be like this."),
    projects.PersonalTokenExists: _("There is a token of this name already."),
    replication.InvalidEndpoint: _("No registry can be like this."),
    replication.EndpointExists: _("There is a registry of this name already."),
    replication.EndpointUnknown: _("There is no such registry."),
    replication.EndpointUnhealthy: _("The registry doesn't answer, or doesn't take the credential."),
    replication.EndpointInUse: _("Policies use this registry: delete them first."),
    replication.InvalidPolicy: _("No policy can be like this."),
    replication.PolicyExists: _("There is a policy of this name already."),
    replication.PolicyUnknown: _("There is no such policy."),
    replication.PolicyInUse: _("An execution goes on: stop it first."),
    replication.PolicyDisabled: _("The policy is disabled: enable it first."),
    replication.AlreadyRunning: _("An execution goes on still."),
    replication.ExecutionUnknown: _("There is no such execution."),
    replication.TaskUnknown: _("There is no such task."),
    TagExists: _("The repository has this tag already."),
    AlreadyLabelled: _("The artifact has this label already."),
    InvalidValue: _("The value can't be taken."),
    ItemFrozen: _("This is set by the environment."),
    oci.TagInvalid: _("This is no tag."),
    oci.NameInvalid: _("No repository can be called so."),
    oci.PreconditionFailed: _("A rule of the project forbids it."),
    oci.ManifestUnknown: _("The artifact or tag isn't there any more."),
    oci.Denied: _("It can't be done while something else needs it."),
}


_IMMUTABLE = _("A rule for immutable tags covers it: who may change the project's rules can switch that off.")


def told(error: Exception, own: str) -> str:
    """What went wrong, and what to do about an immutable tag: the domain's words are those that clients show."""
    words = _in_language(error, own)
    detail = error.detail if isinstance(error, oci.PreconditionFailed) else None
    return f"{words} {_IMMUTABLE}" if isinstance(detail, dict) and "tag" in detail else words


def _in_language(error: Exception, own: str) -> str:
    """The error in the reader's language: its `own` words, where they are known (`portal.sentences`), else what its
    kind says, with its own words behind. In English these alone, as a sentence."""
    if known := telling.in_language(own):
        return f"{known.rstrip('。')}。"
    found = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), None)
    if found is None or (get_language() or "en").startswith("en"):
        return _sentence(own)
    return f"{found} ({_sentence(own)})"


def _sentence(words: str) -> str:
    """The domain writes its words to stand within others."""
    text = words.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
