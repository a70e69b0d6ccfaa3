import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("artifacts", "0004_count_project_blobs")]

    operations = [
        migrations.RunSQL("SET LOCAL statement_timeout = 0", migrations.RunSQL.noop),  # indexes of millions of rows
        migrations.AlterField(
            model_name="manifestblob",
            name="project",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="projects.project",
            ),
        ),
        migrations.AddIndex(
            model_name="manifestblob",
            index=models.Index(fields=["blob", "project"], name="manifest_blob_place"),
        ),
        migrations.AlterField(
            model_name="manifestblob",
            name="blob",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="manifest_blobs",
                to="artifacts.blob",
            ),
        ),
        migrations.AddIndex(
            model_name="manifest",
            index=models.Index(fields=["digest"], name="manifest_digest"),
        ),
        migrations.AddIndex(
            model_name="projectblob",
            index=models.Index(fields=["project", "size"], name="project_blob_size"),
        ),
    ]
