from django.db import migrations, models
from django.db.models import deletion

_PROJECT = """
UPDATE artifacts_manifest m SET project_id = r.project_id FROM artifacts_repository r WHERE r.id = m.repository_id
"""
_LISTED = """
UPDATE artifacts_manifest m SET listed = false WHERE
    m.subject <> '' AND EXISTS (
        SELECT FROM artifacts_manifest s WHERE s.repository_id = m.repository_id AND s.digest = m.subject
    )
    OR EXISTS (SELECT FROM artifacts_manifestchild c WHERE c.child_id = m.id)
    AND NOT EXISTS (SELECT FROM artifacts_tag t WHERE t.manifest_id = m.id)
"""
_COUNT = """
UPDATE artifacts_repository r SET artifact_count = n.amount
FROM (SELECT repository_id, count(*) AS amount FROM artifacts_manifest WHERE listed GROUP BY repository_id) n
WHERE n.repository_id = r.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("artifacts", "0006_attributes"),
        ("projects", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL statement_timeout = 0", migrations.RunSQL.noop),  # a million rows take a minute
        migrations.AddField(
            model_name="repository",
            name="artifact_count",
            field=models.BigIntegerField(db_default=0, default=0, help_text="that are listed: see artifacts.listed"),
        ),
        migrations.AddField(
            model_name="manifest",
            name="listed",
            field=models.BooleanField(
                db_default=True, default=True, help_text="by itself in lists: see artifacts.listed"
            ),
        ),
        migrations.AddField(
            model_name="manifest",
            name="project",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="the repository's, for the index of a project's artifacts",
                null=True,
                on_delete=deletion.DO_NOTHING,
                related_name="+",
                to="projects.project",
            ),
        ),
        migrations.RunSQL(_PROJECT, migrations.RunSQL.noop),
        migrations.RunSQL(_LISTED, migrations.RunSQL.noop),
        migrations.RunSQL(_COUNT, migrations.RunSQL.noop),
    ]
