"""Tokens for somebody of the directory, whose password was verified within the last minute, against a local user's."""

from functools import partial

from bench.figures import Figure
from bench.load import wrk
from bench.product import PROJECT, Product
from bench.rounds import Sample, figure, interleave, measure
from bench.world import World
from tests import slapd

ROUNDS = 5
SECONDS = 3
PERSON, GROUP = "lena", "builders"


def figures(world: World) -> list[Figure]:
    """A stack of its own before a real slapd; both people are developers of the project."""
    world.stop()
    with slapd.running_slapd(world.directory / "slapd") as server:
        items = {
            "ldap_url": server.url,
            "ldap_base_dn": slapd.BASE,
            "ldap_uid": "uid",
            "ldap_search_dn": slapd.SEARCH,
            "auth_mode": "ldap_auth",
        }
        with Product(world.directory / "directory", world.port + 8, items=items) as product:
            product.manage("configure", "ldap_search_password", "-", stdin=slapd.SEARCH_PASSWORD)
            product.manage("ldap", "import", "--group", slapd.group_dn(GROUP), "--as", GROUP)
            product.manage("addmember", PROJECT, "developer", "--group", GROUP)
            passes = {
                "ours": partial(_pass, product, product.basic(PERSON, slapd.PASSWORD)),
                "peer": partial(_pass, product, product.basic()),
            }
            taken = interleave(passes, rounds=ROUNDS)
    name = "token for a user of the directory, of a local user's: requests per second"
    return [figure(name, taken, Sample.rate, 0.9, "higher", unit="/s")]


def _pass(product: Product, credential: dict[str, str]) -> Sample:
    url = product.url + product.token_path(f"repository:{PROJECT}/app:pull,push")
    return measure(product, lambda: wrk(url, headers=credential, seconds=SECONDS))
