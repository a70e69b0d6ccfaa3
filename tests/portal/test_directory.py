"""People of the directory sign in to the pages as they do elsewhere."""

from rbac.models import Session, User
from tests.portal.browser import Browser
from tests.slapd import PASSWORD


def test_the_directorys_password_signs_in(directory):
    browser = Browser()
    assert browser.sign_in("lena", "wrong").status_code == 401
    assert browser.sign_in("lena", PASSWORD).status_code == 302
    assert browser.is_signed_in
    assert Session.objects.get().user == User.objects.get(username="lena")


def test_while_it_is_away_its_people_are_told_so_and_whoever_is_signed_in_stays(directory):
    browser, other = Browser(), Browser()
    browser.sign_in("lena", PASSWORD)
    directory.stop()
    answer = other.sign_in("otto", PASSWORD)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert directory.url not in answer.content.decode()
    assert browser.is_signed_in
