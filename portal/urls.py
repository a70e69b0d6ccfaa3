"""The pages' URLs. Those below `c/` are Harbor's."""

from django.urls import path

from portal import oidc, signing, views

urlpatterns = [
    path("", views.start, name="start"),
    path("account/sign-in", signing.sign_in, name="sign-in"),
    path("account/sign-out-everywhere", signing.sign_out_everywhere, name="sign-out-everywhere"),
    path("c/login", signing.login, name="login"),
    path("c/log_out", signing.log_out, name="log-out"),
    path("c/oidc/login", oidc.login, name="oidc-login"),
    path("c/oidc/callback", oidc.callback, name="oidc-callback"),
    path("c/oidc/onboard", oidc.onboard, name="oidc-onboard"),
]
