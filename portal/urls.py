"""The pages' URLs."""

from django.urls import path

from portal import views

urlpatterns = [path("", views.start, name="start")]
