"""Icons: those that pages name are among those that are collected, and no others."""

import re
from pathlib import Path

from config.packages import PackageStorage
from portal.icons import NAMES, SPRITE

PORTAL = Path(__file__).parents[2] / "portal"
_IN_TEMPLATES = re.compile(r"""\{% icon "([a-z0-9-]+)" %\}|mark="([a-z0-9-]+)\"""")
_QUOTED = re.compile(r'"([a-z0-9-]+)"')


def test_every_icon_that_is_named_is_collected_and_every_one_collected_is_named():
    templates = "".join(path.read_text() for path in PORTAL.rglob("*.html"))
    named = {name for found in _IN_TEMPLATES.findall(templates) for name in found}
    anywhere = {name for path in PORTAL.glob("**/*.py") for name in _QUOTED.findall(path.read_text())}
    assert named - {""} <= NAMES
    assert NAMES - named <= anywhere


def test_the_file_holds_each_drawing_once():
    sprite = PackageStorage().content(SPRITE).decode()
    assert sorted(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite)) == sorted(NAMES)
    assert sprite.count("<path") >= len(NAMES)
