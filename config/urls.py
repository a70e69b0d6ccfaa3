"""Every URL, by the edge that answers it. The registry's come first: they are the ones that are asked most."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("service/", include("tokens.urls")),
    path("", include("proxy.urls")),
    path("", include("api.reference")),
    path("api/v2.0/", include("api.urls")),
    path("", include("portal.urls")),
]

handler400 = "proxy.edge.malformed"
handler404 = "portal.views.not_found"
