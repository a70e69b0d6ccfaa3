"""The record table, partitioned by month and append-only, and the spool's offsets."""

from django.db import migrations, models

CREATE_TABLE = """
CREATE TABLE audit_record (
    id bigserial NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    address text NOT NULL,
    user_agent text NOT NULL,
    request_id text NOT NULL,
    operation text NOT NULL,
    resource_type text NOT NULL,
    resource text NOT NULL,
    project text NOT NULL,
    result text NOT NULL CHECK (result IN ('success', 'failure', 'denied')),
    detail jsonb NOT NULL,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX audit_record_project ON audit_record (project, at, id);
CREATE INDEX audit_record_actor ON audit_record (actor, at, id);
"""

# Row triggers of a partitioned table are given to every partition, those made later included.
APPEND_ONLY = """
CREATE FUNCTION audit_record_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit records are append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE ON audit_record
    FOR EACH ROW EXECUTE FUNCTION audit_record_is_append_only();
"""

# This month and three ahead, so that the first record finds its month; later ones are made by audit.partitions.
# What falls outside every month (a wrong clock, a task that did not run) lands in the default partition.
PARTITIONS = """
CREATE TABLE audit_record_default PARTITION OF audit_record DEFAULT;
DO $$
DECLARE
    first timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamp;
BEGIN
    FOR ahead IN 0..3 LOOP
        month := first + make_interval(months => ahead);
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF audit_record FOR VALUES FROM (%L) TO (%L)',
            'audit_record_' || to_char(month, 'YYYY_MM'),
            month AT TIME ZONE 'UTC',
            (month + make_interval(months => 1)) AT TIME ZONE 'UTC'
        );
    END LOOP;
END $$;
"""

DROP = """
DROP TABLE audit_record;
DROP FUNCTION audit_record_is_append_only();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE_TABLE + APPEND_ONLY + PARTITIONS, DROP)],
            state_operations=[
                migrations.CreateModel(
                    name="AuditRecord",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("actor", models.TextField()),
                        ("address", models.TextField()),
                        ("user_agent", models.TextField()),
                        ("request_id", models.TextField()),
                        ("operation", models.TextField()),
                        ("resource_type", models.TextField()),
                        ("resource", models.TextField()),
                        ("project", models.TextField()),
                        ("result", models.TextField()),
                        ("detail", models.JSONField()),
                    ],
                    options={
                        "db_table": "audit_record",
                        "indexes": [
                            models.Index(fields=["project", "at", "id"], name="audit_record_project"),
                            models.Index(fields=["actor", "at", "id"], name="audit_record_actor"),
                        ],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="SpoolFile",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("offset", models.BigIntegerField()),
            ],
            options={"db_table": "audit_spool_file"},
        ),
    ]
