"""Records that wait to be sent to a syslog server."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="OutgoingRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.TextField(help_text="as `audit.entry.to_line` writes it")),
                ("kept", models.BooleanField()),
            ],
            options={"db_table": "audit_outgoing"},
        ),
    ]
