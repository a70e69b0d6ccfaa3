"""docs/harbor-compatibility.md says what the code does."""

from tests.api import compatibility


def test_the_table_names_as_working_just_what_has_a_route():
    works = {operation for operation, state in compatibility.documented().items() if state == "works"}
    assert works == {operation for operation in compatibility.routed() if operation in compatibility.documented()}


def test_the_table_has_every_operation_of_the_contract():
    compatibility.require_contract()
    assert compatibility.DOCUMENT.read_text().endswith(
        compatibility.table(compatibility.contract(), compatibility.routed())
    )
    assert len(compatibility.documented()) == 203


def test_every_route_is_one_of_the_contract_or_declared_as_our_own():
    assert compatibility.routed() == compatibility.routed() & set(compatibility.documented()) | compatibility.OWN


def test_our_own_operations_are_told_of():
    text = compatibility.DOCUMENT.read_text()
    for method, path in compatibility.OWN:
        assert f"| `{method.upper()} /{path}` |" in text.partition("## Operations\n")[0]
