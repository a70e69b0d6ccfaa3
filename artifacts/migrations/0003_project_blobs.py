import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What projects use, in three steps: the tables as they can be at once, what is there counted (0004, which takes
    long and can be taken up again), then what the rows must hold to (0005)."""

    dependencies = [("artifacts", "0002_artifact_labels"), ("projects", "0008_quotas")]

    operations = [
        migrations.CreateModel(
            name="ProjectBlob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "project",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="projects.project",
                    ),
                ),
                ("digest", models.CharField(db_collation="C", max_length=135)),
                ("size", models.BigIntegerField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("project", "digest"), name="project_blob_once")],
            },
        ),
        migrations.AddField(
            model_name="manifestblob",
            name="project",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="projects.project",
            ),
        ),
    ]
