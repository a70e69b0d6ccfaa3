from django.apps import AppConfig


class ConfigurationConfig(AppConfig):
    name = "configuration"

    def ready(self) -> None:
        from configuration import checks, trail  # noqa: F401, PLC0415 - they register themselves
