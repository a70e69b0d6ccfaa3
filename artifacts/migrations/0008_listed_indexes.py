import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("artifacts", "0007_listed"),
        ("projects", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL statement_timeout = 0", migrations.RunSQL.noop),  # a million rows take a minute
        migrations.AlterField(
            model_name="manifest",
            name="project",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="the repository's, for the index of a project's artifacts",
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="projects.project",
            ),
        ),
        migrations.AlterField(
            model_name="tag",
            name="manifest",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tags",
                to="artifacts.manifest",
            ),
        ),
        migrations.AddIndex(
            model_name="manifest",
            index=models.Index(
                condition=models.Q(("listed", True)), fields=["repository", "pushed_at", "id"], name="manifest_listed"
            ),
        ),
        migrations.AddIndex(
            model_name="manifest",
            index=models.Index(
                condition=models.Q(("listed", True)), fields=["project", "pushed_at", "id"], name="manifest_project"
            ),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["manifest", "pushed_at", "id"], name="tag_of_manifest"),
        ),
    ]
