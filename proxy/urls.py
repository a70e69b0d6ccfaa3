"""The routes of the registry's API and of nginx's gates."""

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

from oci.errors import NameUnknown
from proxy import blobs, gate, listing, manifests, uploads
from proxy.edge import endpoint


@endpoint("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
def nowhere(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    raise NameUnknown("there is nothing at this path of the registry's API")


urlpatterns = [
    re_path(r"^v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)\Z", manifests.manifest),
    re_path(r"^v2/(?P<name>.+)/blobs/uploads/?\Z", uploads.uploads),
    re_path(r"^v2/(?P<name>.+)/blobs/uploads/(?P<upload>[^/]+)\Z", uploads.upload),
    re_path(r"^v2/(?P<name>.+)/blobs/(?P<digest>[^/]+)\Z", blobs.blob),
    re_path(r"^v2/(?P<name>.+)/tags/list\Z", listing.tags),
    re_path(r"^v2/(?P<name>.+)/referrers/(?P<digest>[^/]+)\Z", listing.referrers),
    re_path(r"^v2/?\Z", listing.base),
    path("v2/_catalog", listing.catalog),
    re_path(r"^v2/", nowhere),
    path("internal/gate/pull", gate.pull),
    path("internal/gate/push", gate.push),
]
