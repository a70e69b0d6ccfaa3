"""What domain and engines say, in the reader's language: every sentence of theirs that a page tells is known."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import gettext, override

from portal import errors, telling
from portal.sentences import KNOWN
from replication import failures

ROOT = Path(__file__).parents[2]
LANGUAGES = ["ja", "zh-hans"]
# Whose words come to no page: the REST API alone sets allowlists, metadata and roles, and reads what charts hold.
_ELSEWHERE = {
    "AdditionUnknown", "AdditionUnsupported", "ArchiveRefused", "InvalidAllowlist", "InvalidMetadata",
    "InvalidPermission", "MetadataExists", "MetadataUnknown", "RoleNotAssignable", "RoleUnknown", "SignInRefused",
    "UnknownItem",
}  # fmt: skip
_OF_ALL_KINDS = {"7: 7", "7 7", "7 is 7"}  # put together of sentences that stand elsewhere
_JOURNAL = {"info", "warning", "error"}
_PLACES = {"_at_source", "_at_destination", "_trouble"}  # what is tried there


def _names() -> set[str]:
    """Of the errors whose words pages tell."""

    def below(kind: type[Exception]) -> Iterator[str]:
        yield kind.__name__
        for each in kind.__subclasses__():
            yield from below(each)

    return {name for kind, _ in errors._WORDS for name in below(kind)} - _ELSEWHERE


def _text(node: ast.expr) -> str:
    """The text that a call is given, with a 7 in each place; "" for what is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return ""


def _said(tree: ast.AST, names: set[str], *, by_engine: bool) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        speaks = ast.unparse(call.func).endswith(f"journal.{name}") if name in _JOURNAL else name in _PLACES
        if name in names or (by_engine and speaks):
            yield from (_text(argument) for argument in call.args[:1])
        if by_engine and name in {"Trouble", "at"}:
            yield _text(call.args[2])


def _sentences() -> set[str]:
    names, found = _names(), set()
    for app in ("artifacts", "configuration", "projects", "rbac", "replication"):
        for path in (ROOT / app).rglob("*.py"):
            if not {"management", "migrations", "adapters", "reconcile.py", "recount.py"} & set(path.parts):
                tree = ast.parse(path.read_text())
                found |= set(_said(tree, names, by_engine=app == "replication"))
    return {text for text in found if " " in text and text not in _OF_ALL_KINDS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_domain_that_pages_tell_is_known(language):
    sentences = _sentences()
    with override(language):
        unknown = sorted(text for text in sentences if telling.in_language(text) is None)
    assert unknown == []
    assert len(sentences) > 120
    with override(language):
        assert [advice for _, advice in failures._ADVICE if telling.in_language(advice) is None] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_are_not_ours_may_have_colons_in_them(language):
    with override(language):
        told = telling.told("planning: an error of this program: KeyError: 'a: b'")
        assert told.endswith("KeyError: 'a: b'")
        assert "planning" not in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_place_of_a_sentence_is_in_its_translation(language):
    with override(language):
        for msgid in KNOWN:
            assert sorted(telling._PLACE.findall(msgid)) == sorted(telling._PLACE.findall(gettext(msgid))), msgid


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stopped before it began", "開始前に停止しました"),
        ("12 done, 1 failed", "12 件完了, 1 件失敗"),
        ("3 left alone: their tags are on something else there, and override is off; 2 done",
         "3 件はそのままにしました。タグが先方で別のものを指しており、上書きが無効です; 2 件完了"),
        ("destination far: looking up team/app@sha256:ab: far.example.com refuses the connection (UNAVAILABLE): see"
         " whether the registry is up, has room, and can be reached from the workers. Another attempt follows in 3 s",
         "コピー先 far: team/app@sha256:ab の照会: far.example.com が接続を拒否しました"
         " (UNAVAILABLE)。レジストリが稼働し、空きがあり、"
         "ワーカーから到達できるか確認してください。3 秒後に再試行します"),
        ("source hub: reading a/b: it says: no! (DENIED)", "コピー元 hub: a/b の読み取り: it says: no! (DENIED)"),
        ("What another registry says", "What another registry says"),
        ("", ""),
    ],
)  # fmt: skip
def test_texts_that_are_kept_in_english_are_told_in_the_readers_language(text, told):
    with override("ja"):
        assert telling.told(text) == told
    with override("en"):
        assert telling.told(text) == text


def test_no_text_takes_long_to_be_looked_through():
    with override("ja"):
        for text in ("a: " * 1300, "x, " * 1300, "; " * 1999, "source " + ": (A) " * 600, "source x" + ": " * 1900):
            assert telling.told(text) == text
