"""Harbor's REST API v2.0, under `/api/v2.0/`."""

from django.urls import path

from api import health

urlpatterns = [
    path("ping", health.ping),
    path("health", health.health),
]
