"""GET /api/v2.0/ping and /health."""

import pytest
from django.test import Client

from artifacts import health


def test_ping_answers_pong(client: Client):
    response = client.get("/api/v2.0/ping")
    assert response.status_code == 200
    assert response.content == b"Pong"


@pytest.mark.django_db
def test_health_names_every_component(client: Client):
    body = client.get("/api/v2.0/health").json()
    assert [component["name"] for component in body["components"]] == ["core", "database", "redis", "registry"]
    states = {component["name"]: component["status"] for component in body["components"]}
    assert states["database"] == "healthy"
    assert body["status"] == ("healthy" if set(states.values()) == {"healthy"} else "unhealthy")


@pytest.mark.django_db
def test_a_component_that_is_away_makes_the_whole_unhealthy_and_tells_no_inside(client: Client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    body = client.get("/api/v2.0/health").json()
    assert body["status"] == "unhealthy"
    component = next(component for component in body["components"] if component["name"] == "redis")
    assert component == {"name": "redis", "status": "unhealthy", "error": "redis can't be reached"}


def test_it_only_reads(client: Client):
    assert client.post("/api/v2.0/health").status_code == 405


def test_every_check_is_bounded_in_time(settings):
    assert settings.REDIS_TIMEOUT <= 1
    assert settings.DATABASES["default"]["OPTIONS"]["connect_timeout"] <= 2
    assert set(health.CHECKS) >= {"database", "redis", "registry"}
