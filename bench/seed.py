"""Rows by the million, written straight into a stack's own database."""

from typing import LiteralString

from bench.content import IMAGE_TYPE
from bench.product import PROJECT, Product

MANY = f"{PROJECT}/many"

_REPOSITORIES: LiteralString = """
INSERT INTO artifacts_repository (project_id, name, description, pull_count, created_at, updated_at)
SELECT p.id, p.name || '/' || r.name, '', 0, now(), now()
FROM projects_project p,
     (SELECT 'many' AS name UNION ALL SELECT 'r' || lpad(n::text, 7, '0') FROM generate_series(0, %(count)s - 1) n) r
WHERE p.name = %(project)s
"""

# The payload is a true manifest of an artifact without content, another one for each number, under its true digest.
_MANIFESTS: LiteralString = """
INSERT INTO artifacts_manifest
    (repository_id, project_id, digest, media_type, artifact_type, payload, size, subject, annotations, pushed_at)
SELECT r.id, r.project_id, 'sha256:' || encode(sha256(made.payload), 'hex'), %(type)s, 'application/vnd.bench',
       made.payload, length(made.payload), '', '{}', now()
FROM artifacts_repository r,
     (SELECT convert_to(format(%(template)s, n), 'UTF8') AS payload FROM generate_series(0, %(count)s - 1) n) made
WHERE r.name = %(many)s
"""

_TAGS: LiteralString = """
INSERT INTO artifacts_tag (repository_id, name, manifest_id, pushed_at)
SELECT m.repository_id, 't' || lpad((row_number() OVER (ORDER BY m.id) - 1)::text, 7, '0'), m.id, now()
FROM artifacts_manifest m JOIN artifacts_repository r ON r.id = m.repository_id
WHERE r.name = %(many)s
"""

_COUNT: LiteralString = "UPDATE artifacts_repository SET artifact_count = %(count)s WHERE name = %(many)s"

_EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
_TEMPLATE = (
    f'{{"schemaVersion":2,"mediaType":"{IMAGE_TYPE}","artifactType":"application/vnd.bench",'
    f'"config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{_EMPTY}","size":2}},'
    '"layers":[],"annotations":{"org.opencontainers.image.version":"%s"}}'
)


def fill(product: Product, count: int) -> None:
    """`count` repositories, and one more, `bench/many`, with `count` manifests and a tag for each."""
    values = {"count": count, "project": PROJECT, "many": MANY, "type": IMAGE_TYPE, "template": _TEMPLATE}
    with product.database() as connection:
        for statement in (_REPOSITORIES, _MANIFESTS, _TAGS, _COUNT):
            connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE artifacts_repository, artifacts_manifest, artifacts_tag")


_PROJECTS: LiteralString = """
INSERT INTO projects_project (name, public, metadata, created_at, updated_at)
SELECT 'p' || lpad(n::text, 7, '0'), false, '{}', now(), now() FROM generate_series(0, %(count)s - 1) n
"""

# Ten of them, spread evenly, whatever their number.
_MEMBERSHIPS: LiteralString = """
INSERT INTO projects_member (project_id, user_id, role_id, created_at)
SELECT p.id, u.id, 2, now()
FROM projects_project p, rbac_user u, generate_series(0, 9) n
WHERE p.name = 'p' || lpad((n * %(count)s / 10)::text, 7, '0') AND u.username = %(member)s
"""

_LABELS: LiteralString = """
WITH label AS (
    INSERT INTO projects_label (name, description, color, created_at, updated_at)
    VALUES ('bench', '', '', now(), now()) RETURNING id
)
INSERT INTO artifacts_artifactlabel (manifest_id, label_id, created_at)
SELECT m.id, label.id, now() FROM artifacts_manifest m, label
"""

_RECORDS: LiteralString = """
INSERT INTO audit_record
    (at, actor, address, user_agent, request_id, operation, resource_type, resource, project, result, detail)
SELECT now() - n * interval '1 second', 'u' || n %% 1000, '192.0.2.1', 'bench', '', 'pull', 'artifact',
       format('p%%s/app:v%%s', n %% 5000, n), 'p' || n %% 5000, 'success', '{}'
FROM generate_series(0, %(count)s - 1) n
"""


def fill_lists(product: Product, count: int, *, member: str) -> None:
    """`count` projects (ten of them `member`'s), artifacts with a tag and a label each, and audit records."""
    fill(product, count)
    with product.database() as connection:
        for statement in (_PROJECTS, _MEMBERSHIPS, _LABELS, _RECORDS):
            connection.execute(statement, {"count": count, "member": member})
        connection.execute("VACUUM ANALYZE projects_project, projects_member, artifacts_artifactlabel, audit_record")
