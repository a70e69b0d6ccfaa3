from django.apps import AppConfig


class ReplicationConfig(AppConfig):
    name = "replication"

    def ready(self) -> None:
        from artifacts import changes  # noqa: PLC0415 - models are there only now
        from replication import events  # noqa: PLC0415

        changes.follow(events.FOLLOWED, events.note)
