"""The pages in the reader's language."""

import re
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from tests.people import make_user
from tests.portal.browser import Browser

LOCALE = Path(__file__).parents[2] / "portal" / "locale"
SIGN_IN = {"en": "Sign in", "ja": "サインイン", "zh-hans": "登录"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"), ("ja", "ja"), ("ja-JP,en;q=0.5", "ja"), ("zh-CN,zh;q=0.9", "zh-hans"),
        ("fr,zh-Hans;q=0.5", "zh-hans"), ("fr", "en"), ("*", "en"), ("<script>", "en"),
    ],
)  # fmt: skip
def test_the_browser_says_which(asked, language):
    answer = Browser().get("/account/sign-in", headers={"accept-language": asked})
    assert answer["Content-Language"] == language
    assert f'<html lang="{language}"' in answer.content.decode()
    assert SIGN_IN[language] in answer.content.decode()


@pytest.mark.django_db
def test_what_was_chosen_counts_more_and_is_kept():
    browser = Browser()
    chosen = browser.post("/account/preferences", {"language": "ja", "then": "/account/sign-in"})
    assert (chosen.status_code, chosen["Location"]) == (302, "/account/sign-in")
    assert SIGN_IN["ja"] in browser.get("/account/sign-in", headers={"accept-language": "zh-CN"}).content.decode()
    browser.post("/account/preferences", {"language": "xx"})
    assert SIGN_IN["en"] in browser.text("/account/sign-in")
    browser.post("/account/preferences", {"theme": "dark"})
    assert 'data-bs-theme="dark"' in browser.text("/account/sign-in")
    browser.post("/account/preferences", {"theme": ""})
    assert "data-bs-theme" not in browser.text("/account/sign-in")


@pytest.mark.django_db
@pytest.mark.parametrize("then", ["//evil.example", "https://evil.example", "javascript:x", "/\\evil.example"])
def test_no_choice_leads_elsewhere(then):
    assert Browser().post("/account/preferences", {"language": "ja", "then": then})["Location"] == "/"


@pytest.mark.django_db
def test_a_foreign_page_chooses_nothing():
    answer = Browser().post("/account/preferences", {"theme": "dark"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "theme" not in answer.cookies


@pytest.mark.django_db
def test_the_api_and_the_registry_speak_english_whoever_asks():
    for path, words in (("/api/v2.0/users/current", "unauthorized"), ("/v2/", "authentication required")):
        assert words in Client().get(path, headers={"accept-language": "ja"}).content.decode()


@pytest.mark.django_db
def test_what_the_domain_refuses_is_told_in_the_readers_words():
    browser = Browser()
    make_user("alice")
    browser.sign_in("alice")
    browser.post("/account/preferences", {"language": "ja"})
    answer = browser.post("/new-project", {"csrf_token": browser.csrf_token, "name": "Wrong"}).content.decode()
    assert "プロジェクト名は小文字と数字で" in answer
    assert "A project name holds lower-case letters" not in answer


@pytest.mark.parametrize("language", ["ja", "zh_Hans"])
def test_every_word_is_translated_and_what_is_compiled_is_current(language, tmp_path):
    folder = LOCALE / language / "LC_MESSAGES"
    untranslated = subprocess.run(
        ["msgattrib", "--untranslated", "--no-obsolete", str(folder / "django.po")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert re.findall(r'^msgid "(.+)"', untranslated.stdout, re.MULTILINE) == []
    fuzzy = subprocess.run(["msgattrib", "--only-fuzzy", str(folder / "django.po")], capture_output=True, check=True)
    assert fuzzy.stdout == b""
    subprocess.run(["msgfmt", "-o", str(tmp_path / "django.mo"), str(folder / "django.po")], check=True)
    assert (tmp_path / "django.mo").read_bytes() == (folder / "django.mo").read_bytes()


def test_every_word_of_the_pages_is_among_those_to_be_translated(tmp_path):
    """As `make messages` would find them."""
    known = set(re.findall(r'^msgid "(.+)"', (LOCALE / "ja/LC_MESSAGES/django.po").read_text(), re.MULTILINE))
    found = set()
    for path in (LOCALE.parent / "templates").rglob("*.html"):
        found |= set(re.findall(r"""\{% translate "([^"]+)\"""", path.read_text()))
        found |= set(re.findall(r"""\{% translate '([^']+)'""", path.read_text()))
    for path in LOCALE.parent.glob("**/*.py"):
        found |= set(re.findall(r"""(?:\b_|gettext_lazy)\("([^"]+)"\)""", path.read_text()))
    assert found - known == set()
    assert len(found) > 400
