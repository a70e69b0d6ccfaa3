"""Celery's entry points."""

from celery import shared_task

from rbac import onboarding, sessions


@shared_task(name="rbac.forget_sessions")
def forget_sessions() -> int:
    return sessions.forget_idle() + onboarding.forget_newcomers()
