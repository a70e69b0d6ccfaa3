from django.apps import AppConfig


class ArtifactsConfig(AppConfig):
    name = "artifacts"

    def ready(self) -> None:
        import artifacts.pulls  # noqa: F401, PLC0415  counts the pulls of whoever drains the spool
