"""What the configuration says of the audit trail."""

from audit.routing import Routing, follow
from configuration import values


@follow
def routing() -> Routing:
    endpoint = values.text("audit_log_forward_endpoint")
    return Routing(
        off=frozenset(values.text("disabled_audit_log_event_types").replace(" ", "").split(",")),
        endpoint=endpoint,
        kept=not (endpoint and values.flag("skip_audit_log_database")),
    )
