"""When the way people sign in may be changed."""

from configuration.guards import guards
from rbac.actions import FIRST_ADMINISTRATOR
from rbac.models import User


@guards("auth_mode")
def why_it_stays() -> str:
    """Not once there are users besides the first administrator, as in Harbor: they came in by the mode there is."""
    if User.objects.exclude(pk=FIRST_ADMINISTRATOR).exists():
        return "auth_mode stays as it is while there are users besides the first administrator"
    return ""
