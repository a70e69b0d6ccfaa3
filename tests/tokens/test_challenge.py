import pytest
from django.core.exceptions import DisallowedHost
from django.test import RequestFactory

from tokens.challenge import challenge


def request(**headers):
    return RequestFactory().get("/v2/", headers=headers)


def test_it_names_the_realm_from_the_requests_own_host():
    assert challenge(request(host="registry.example.org:8443"), ["repository:team/app:pull"], None) == (
        'Bearer realm="http://registry.example.org:8443/service/token",service="harbor-registry",'
        'scope="repository:team/app:pull"'
    )


def test_it_is_https_behind_a_balancer_that_says_so():
    header = challenge(request(host="registry.example.org", x_forwarded_proto="https"), [], None)

    assert header == 'Bearer realm="https://registry.example.org/service/token",service="harbor-registry"'


def test_it_names_several_scopes_and_the_error():
    header = challenge(request(host="r"), ["repository:a/b:pull,push", "repository:c/d:pull"], "insufficient_scope")

    assert header.endswith(',scope="repository:a/b:pull,push repository:c/d:pull",error="insufficient_scope"')


@pytest.mark.parametrize("host", ['a"b', "a b", "a/b", "a\\b", "user@host", "a,b"])
def test_it_refuses_a_host_that_is_none(host):
    with pytest.raises(DisallowedHost):
        challenge(request(host=host), [], None)


def test_nothing_leaves_the_quotes():
    header = challenge(request(host="r"), ['x",realm="http://evil/\r\nX: y\\'], None)

    assert "\r" not in header
    assert "\n" not in header
    assert header.count('realm="') == 1
    assert header.count('"') == 6


@pytest.mark.parametrize("address", ["[::1]:8080", "127.0.0.1:5000"])
def test_it_knows_addresses(address):
    assert f'realm="http://{address}/service/token"' in challenge(request(host=address), [], None)
