"""The pages that are measured are those there are."""

from django.urls import resolve

from bench.pages import _FACTS, PAGES
from portal.urls import urlpatterns

# What isn't looked at: deeds without a page, other people's errands, and pages before one has signed in.
_NO_PAGES = {
    "addition", "change-role", "change-user", "check-registry", "log-out", "login", "oidc-callback", "oidc-login",
    "oidc-onboard", "preferences", "preview-policy", "register", "resume", "retry-execution", "revoke-token", "sign-in",
    "sign-out-everywhere", "star", "start-policy", "stop-execution", "switch-policy", "switch-robot", "switch-rule",
    "system-switch-robot", "take-out", "undo",
}  # fmt: skip


def test_every_page_of_the_portal_is_measured():
    names = {pattern.name for pattern in urlpatterns}
    measured = set()
    for path in {path.partition("?")[0] for paths in PAGES.values() for path in paths}:
        for fact in _FACTS:
            path = path.replace(f"{{{fact}}}", "1")  # noqa: PLW2901
        found = resolve(path)
        assert found.func in {each.callback for each in urlpatterns}, path
        measured.add(found.url_name)
    assert measured | _NO_PAGES >= names, names - measured - _NO_PAGES
    assert not measured & _NO_PAGES
