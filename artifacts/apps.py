from django.apps import AppConfig


class ArtifactsConfig(AppConfig):
    name = "artifacts"

    def ready(self) -> None:
        import artifacts.pulls  # noqa: PLC0415  counts the pulls of whoever drains the spool
        import artifacts.repositories  # noqa: F401, PLC0415  follows the deletion of projects
