from django.db import migrations

_BATCH = 5000  # manifests at a time, each batch committed: broken off, it goes on where it was
_MENTIONS = """
UPDATE artifacts_manifestblob n SET project_id = r.project_id
FROM artifacts_manifest m JOIN artifacts_repository r ON r.id = m.repository_id
WHERE n.manifest_id > %(after)s AND n.manifest_id <= %(upto)s AND m.id = n.manifest_id
  AND n.project_id IS DISTINCT FROM r.project_id
"""
_COUNTED = """
INSERT INTO artifacts_projectblob (project_id, digest, size)
SELECT r.project_id, b.canonical, b.size
FROM artifacts_manifest m
JOIN artifacts_repository r ON r.id = m.repository_id
JOIN artifacts_manifestblob n ON n.manifest_id = m.id
JOIN artifacts_blob b ON b.id = n.blob_id
WHERE m.id > %(after)s AND m.id <= %(upto)s
UNION
SELECT r.project_id, m.digest, octet_length(m.payload)
FROM artifacts_manifest m JOIN artifacts_repository r ON r.id = m.repository_id
WHERE m.id > %(after)s AND m.id <= %(upto)s
ON CONFLICT (project_id, digest) DO NOTHING
"""
_TOTALS = """
UPDATE projects_quota q SET used = t.used
FROM (SELECT project_id, sum(size) AS used FROM artifacts_projectblob GROUP BY project_id) t
WHERE q.project_id = t.project_id
"""


def count(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT coalesce(max(id), 0) FROM artifacts_manifest")
        last = cursor.fetchone()[0]
        for after in range(0, last, _BATCH):
            batch = {"after": after, "upto": after + _BATCH}
            cursor.execute(_MENTIONS, batch)
            cursor.execute(_COUNTED, batch)
        cursor.execute(_TOTALS)
        cursor.execute("RESET statement_timeout")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("artifacts", "0003_project_blobs")]

    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
