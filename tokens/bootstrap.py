"""What a fresh installation needs before anybody can use it: an administrator, a first project, a key."""

from collections.abc import Iterator

from django.db import connection, transaction

from audit import Context
from projects import actions as project_actions
from projects.models import Project
from rbac import actions as user_actions
from rbac.actors import SYSTEM
from rbac.models import User
from tokens import keys

ADMINISTRATOR = "admin"
FIRST_PROJECT = "library"
_LOCK = 0x626F6F74  # any number of our own: two bootstraps at once run one after the other


class PasswordMissing(Exception):
    """There is no administrator yet, and no password for one."""


@transaction.atomic
def bootstrap(password: str | None, *, context: Context) -> list[str]:
    """Make what is missing, and say what that was; nothing at the second time.

    `password` is needed for the first administrator alone. Raises PasswordMissing, InvalidPassword, NameTaken.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    return list(_missing(password, context))


def _missing(password: str | None, context: Context) -> Iterator[str]:
    first = user_actions.FIRST_ADMINISTRATOR
    if not User.objects.filter(pk=first).exists():
        if not password:
            raise PasswordMissing("there is no administrator yet: give a password in ROADSTEAD_ADMIN_PASSWORD")
        user_actions.create_user(ADMINISTRATOR, password, actor=SYSTEM, context=context, is_admin=True, user_id=first)
        yield f"administrator {ADMINISTRATOR}"
    # Once there are others, a first project that somebody has deleted isn't made again.
    if not Project.objects.exists():
        owner = User.objects.get(pk=first)
        project_actions.create(FIRST_PROJECT, public=True, owner=owner, actor=SYSTEM, context=context)
        yield f"project {FIRST_PROJECT}"
    if keys.newest() is None:
        yield f"signing key {keys.ensure().kid}"
