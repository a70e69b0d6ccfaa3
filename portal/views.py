"""The start page, the search over everything, and what somebody prefers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.defaults import page_not_found

from artifacts.models import Repository
from db.prepared import planned_anew
from db.searching import named
from portal import errors, languages, origin, resuming
from portal.home import home
from portal.pages import own_path, page, session_of, show, wants_page
from portal.undo import FIELD, take_back
from portal.visit import Visit, visited
from projects.models import Project

_FOUND = 25  # of each kind


@visited("GET", "HEAD")
def start(visit: Visit) -> HttpResponse:
    """What a person needs who opens the registry's address in a browser: their projects, or how to sign in and push."""
    return home(visit) if visit.session else visit.show("welcome", {"section": "start"})


@visited("GET", "HEAD")
def search(visit: Visit) -> HttpResponse:
    """Projects and repositories by a part of their name."""
    q = visit.asked("q")
    facts = {"searched": q, "projects": [], "repositories": [], "most": _FOUND}
    if q:
        with planned_anew():
            projects, _more = named(Project.objects.visible_to(visit.actor), "name", q)
            listable = Project.objects.with_permission(visit.actor, "repository:list").holding()
            found, _more = named(Repository.objects.filter(listable), "name", q)
            facts["projects"] = list(projects.order_by("name")[:_FOUND])
            facts["repositories"] = list(found.select_related("project").order_by("name")[:_FOUND])
    return visit.show("search", facts)


@page("GET", "HEAD")
def _nothing(request: HttpRequest) -> HttpResponse:
    session_of(request)
    raise errors.NoPage


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What nothing is behind, for people; scripts get Django's own answer."""
    return _nothing(request) if wants_page(request) else page_not_found(request, exception)


@page("POST")
def preferences(request: HttpRequest) -> HttpResponse:
    """The language and the colours of whoever asks, signed in or not."""
    if origin.is_foreign(request):
        raise errors.Foreign
    response = HttpResponseRedirect(own_path(request.POST.get("then", "")))
    languages.choose(request, response, language=request.POST.get("language"), theme=request.POST.get("theme"))
    return response


@visited("POST")
def undo(visit: Visit) -> HttpResponse:
    """What a message told of is taken back."""
    said, back = take_back(visit, visit.request.POST.get(FIELD, ""))
    return visit.to_path(own_path(back), said=said)


@page("POST")
def resume(request: HttpRequest) -> HttpResponse:
    """A form that was kept, once its sender has signed in elsewhere."""
    if origin.is_foreign(request):
        raise errors.Foreign
    sealed = request.POST.get(resuming.FIELD, "")
    form, session = resuming.kept(sealed), session_of(request)
    if form is None:
        raise errors.Malformed
    if session is None:
        return show(request, "sign_in", {resuming.FIELD: sealed}, status=401)
    return resuming.offer(request, form, session)
