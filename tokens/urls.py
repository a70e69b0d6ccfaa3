"""The token service's URLs, under `/service/`."""

from django.urls import path

from tokens import views

urlpatterns = [
    path("token", views.token, name="token"),
    path("jwks.json", views.jwks, name="jwks"),
]
