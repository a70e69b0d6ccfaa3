import django.db.models.deletion
from django.db import migrations, models

# What waited in the rows of all events comes to the policies that it waits for, in its order.
_POSTPONE = """
INSERT INTO replication_postponed (policy_id, event)
SELECT p.id, jsonb_build_object(
    'kind', e.kind, 'repository', e.repository, 'digest', e.digest, 'tags', to_jsonb(e.tags),
    'labels', to_jsonb(e.labels), 'types', e.resource_type
)
FROM replication_event e CROSS JOIN LATERAL unnest(e.waiting) AS w(policy) JOIN replication_policy p ON p.id = w.policy
ORDER BY e.id;
DELETE FROM replication_event WHERE waiting IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("replication", "0007_how_far"),
    ]

    operations = [
        migrations.CreateModel(
            name="Postponed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.JSONField(help_text="as an execution has it: see events")),
                (
                    "policy",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="replication.policy",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["policy", "id"], name="postponed_of_policy")],
            },
        ),
        migrations.RunSQL(_POSTPONE, migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name="event",
            name="waiting",
        ),
    ]
