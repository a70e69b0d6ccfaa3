"""Django's view of config: an app only for its `manage.py clock`, and for who sends a task without a worker."""

import os

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """config stands above every other app, so what needs the clock (its command) can live in none of those."""

    name = "config"

    def ready(self) -> None:
        # Celery takes half a second to import. Web processes do so when they first send a task: this variable of
        # Celery's own then leads it to our settings. Nothing of Celery is imported here.
        os.environ.setdefault("CELERY_LOADER", "config.celery:Loader")
