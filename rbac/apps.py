from django.apps import AppConfig
from django.db.models.signals import post_migrate

from rbac import seed


class RbacConfig(AppConfig):
    name = "rbac"

    def ready(self) -> None:
        from rbac import modes  # noqa: F401, PLC0415 - registers itself

        post_migrate.connect(seed.restore, sender=self, dispatch_uid="rbac.seed")
