"""How the audit trail is narrowed by `q` and sorted: by its indexes, however long it is."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from api.errors import BadRequest
from api.query import AnyOf, Exact, Field, Fuzzy, Listing, Term, a_flag, a_number, a_time, parse
from audit import trail, vocabulary
from audit.models import AuditRecord

_NAMES = 20_000  # actors that are looked through for a part of a name
_MATCHES = 500  # of them that are then looked for one by one

_FIELDS = {
    "id": Field("id", a_number),
    "username": Field("actor"),
    "resource": Field("resource"),
    "resource_type": Field("resource_type"),
    "operation": Field("operation"),
    "op_time": Field("at", a_time),
}


def _by(term: Term) -> Q:
    """`username`. A part of one is looked for among the names there are, and those then by the index."""
    if isinstance(term, Fuzzy):
        names = vocabulary.actors(_NAMES)
        found = [name for name in names if term.value.upper() in name.upper()]
        if len(names) < _NAMES and len(found) <= _MATCHES:
            return Q(actor__in=found)
    return _FIELDS["username"].condition(term)


def _did(term: Term) -> Q:
    """`operation`"""
    if isinstance(term, Fuzzy):
        return Q(operation__in={operation for operation, _ in vocabulary.kinds() if _matches(term, operation)})
    return _FIELDS["operation"].condition(term)


def _to(term: Term) -> Q:
    """`resource_type`, with the operations that there are of it: so the index by both serves."""
    if not isinstance(term, Exact | Fuzzy | AnyOf):
        return _FIELDS["resource_type"].condition(term)
    kinds = [kind for kind in vocabulary.kinds() if _matches(term, kind[1])]
    return Q(operation__in={one for one, _ in kinds}, resource_type__in={each for _, each in kinds})


def _matches(term: Exact | Fuzzy | AnyOf, word: str) -> bool:
    match term:
        case Fuzzy(part):
            return part.upper() in word.upper()
        case AnyOf(words):
            return word in words
    return word == term.value


def _went(term: Term) -> Q:
    """`operation_result`"""
    if not isinstance(term, Exact):
        raise BadRequest("operation_result is true or false")
    return Q(result="success") if a_flag(term.value) else ~Q(result="success")


RECORDS = Listing(
    fields=_FIELDS,
    special={"username": _by, "operation": _did, "resource_type": _to, "operation_result": _went},
    order=["-at", "-id"],  # the key of each partition
    sorts={
        "op_time": ["at", "id"],
        "id": ["at", "id"],
        "username": ["actor", "at", "id"],
        "operation": ["operation", "resource_type", "at", "id"],
    },
)


def check_cost(rows: QuerySet[AuditRecord], q: str, *, at_most: int) -> None:
    """BadRequest for a `q` that would have PostgreSQL look through millions of records, by its own reckoning."""
    keys = {key.lower() for key in parse(q)}
    if keys <= {"op_time"}:
        return
    # How often a resource is found it can only guess, so what counts is looking through all of them.
    looked_at = rows.order_by() if "resource" in keys else rows.order_by()[:at_most]
    if trail.is_dear(looked_at):
        raise BadRequest("that is to look through too much of the trail: narrow it by op_time=[from~to], or by a name")
