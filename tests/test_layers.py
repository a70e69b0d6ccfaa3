"""Foreign keys point down the layers as imports do: import-linter can't see them."""

from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField

LAYERS = [
    "portal",
    "api",
    "proxy",
    "replication",
    "tokens",
    "artifacts",
    "projects",
    "rbac",
    "configuration",
    "audit",
]  # top to bottom
PEERS = [{"portal", "api", "proxy"}, {"tokens", "replication"}]


def _relations():
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in LAYERS:
            for field in model._meta.get_fields():
                if isinstance(field, ForeignKey | ManyToManyField):
                    yield model, field


def test_foreign_keys_point_down():
    for model, field in _relations():
        source, target = model._meta.app_label, field.related_model._meta.app_label
        assert target in LAYERS, f"{model.__name__}.{field.name} points out of the layers, to {target}"
        assert LAYERS.index(source) <= LAYERS.index(target), f"{model.__name__}.{field.name} points up, to {target}"
        assert source == target or not any({source, target} <= peers for peers in PEERS)


def test_audit_records_have_no_foreign_keys():
    assert not [field for model, field in _relations() if model._meta.app_label == "audit"]


def test_there_are_relations_to_look_at():
    assert len(list(_relations())) > 5
