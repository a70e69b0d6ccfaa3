import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

_QUOTAS = """
INSERT INTO projects_quota (project_id, hard, used, created_at, updated_at)
SELECT id, -1, 0, created_at, created_at FROM projects_project
"""


class Migration(migrations.Migration):
    """Projects that are there already get no limit."""

    dependencies = [("projects", "0007_public_projects")]

    operations = [
        migrations.CreateModel(
            name="UsageChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "project",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="projects.project",
                    ),
                ),
                ("bytes", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="quota", to="projects.project"
                    ),
                ),
                ("hard", models.BigIntegerField(default=-1, help_text="the limit, bytes; -1: none")),
                (
                    "used",
                    models.BigIntegerField(default=0, help_text="bytes, but for the changes that aren't folded in yet"),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, help_text="of the limit")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["used", "id"], name="quota_by_used"),
                    models.Index(fields=["hard", "id"], name="quota_by_hard"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("hard", -1), ("hard__gt", 0), _connector="OR"), name="quota_hard"
                    )
                ],
            },
        ),
        migrations.RunSQL(_QUOTAS, migrations.RunSQL.noop),
    ]
