"""An index by what was done to what. Built partition by partition beside the writers, who are never kept waiting."""

from django.db import migrations, models

INDEX, COLUMNS = "audit_record_kind", "(operation, resource_type, at, id)"


def build(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET lock_timeout = 0")
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON ONLY audit_record {COLUMNS}")
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_record'::regclass")
        for (partition,) in cursor.fetchall():
            if not is_attached(cursor, partition):
                name = f"{partition}_kind"
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # left half-built when this was broken off
                cursor.execute(f"CREATE INDEX CONCURRENTLY {name} ON {partition} {COLUMNS}")
                cursor.execute(f"ALTER INDEX {INDEX} ATTACH PARTITION {name}")
        cursor.execute("RESET lock_timeout")
        cursor.execute("RESET statement_timeout")


def is_attached(cursor, partition):
    cursor.execute(
        "SELECT 1 FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid"
        " WHERE h.inhparent = %s::regclass AND i.indrelid = %s::regclass",
        [INDEX, partition],
    )
    return cursor.fetchone() is not None


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("audit", "0002_outgoing")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunPython(
                    build, lambda apps, schema_editor: schema_editor.execute(f"DROP INDEX {INDEX}"), atomic=False
                )
            ],
            state_operations=[
                migrations.AddIndex(
                    model_name="auditrecord",
                    index=models.Index(fields=["operation", "resource_type", "at", "id"], name=INDEX),
                )
            ],
        ),
    ]
