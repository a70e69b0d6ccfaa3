"""What a large installation holds beside projects and artifacts, by the hundred thousand, for its pages."""

from typing import LiteralString

from bench.content import IMAGE_TYPE
from bench.product import PROJECT, Product

SHOWN = f"{PROJECT}/shown"  # a repository whose index has many parts, tags, labels and referrers
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_MANY = 100_000
_FAR = "timestamptz '2100-01-01'"  # so that nobody takes up what only stands there

_PEOPLE: tuple[LiteralString, ...] = (
    """
INSERT INTO rbac_user (password, username, email, realname, comment, is_admin, is_active, ldap_dn, admin_by_group,
                       session_epoch, created_at, updated_at)
SELECT '!', 'u' || lpad(n::text, 7, '0'), format('u%%s@example.com', n), 'Somebody', '', false, true, '', false, 0,
       now(), now() FROM generate_series(0, %(many)s - 1) n
""",
    """
INSERT INTO rbac_group (name, kind, ldap_dn, created_at, updated_at)
SELECT 'g' || lpad(n::text, 7, '0'), 'local', '', now(), now() FROM generate_series(0, %(many)s / 10 - 1) n
""",
    """
INSERT INTO rbac_groupuser (group_id, user_id)
SELECT g.id, u.id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM rbac_group) g
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM rbac_user) u ON u.n %% 10000 = g.n %% 10000
""",
    """
INSERT INTO projects_member (project_id, user_id, role_id, created_at)
SELECT p.id, u.id, 2, now() FROM projects_project p, rbac_user u
WHERE p.name = %(project)s AND u.username LIKE 'u0000%%'
""",
    """
INSERT INTO projects_robot (name, project_id, description, creator, creator_kind, creator_ref, system_permissions,
                            secret, previous_secret, duration, disabled, created_at, updated_at)
SELECT CASE WHEN n %% 2 = 0 THEN p.name || '+' ELSE '' END || 'r' || n, CASE WHEN n %% 2 = 0 THEN p.id END, '', '',
       'system', 0, '{}', 'none', '', -1, false, now(), now()
FROM projects_project p, generate_series(0, %(many)s / 10 - 1) n WHERE p.name = %(project)s
""",
    """
INSERT INTO projects_robotgrant (robot_id, project_id, permissions)
SELECT r.id, r.project_id, '{repository:pull}' FROM projects_robot r
""",
    """
INSERT INTO projects_label (project_id, name, description, color, created_at, updated_at)
SELECT CASE WHEN n %% 2 = 0 THEN p.id END, 'l' || n, '', '', now(), now()
FROM projects_project p, generate_series(0, %(many)s / 100 - 1) n WHERE p.name = %(project)s
""",
    """
INSERT INTO projects_immutablerule (project_id, repository_decoration, repository_pattern, tag_decoration, tag_pattern,
                                    disabled, priority, created_at)
SELECT p.id, 'repoMatches', 'r' || n || '**', 'matches', 'v*', false, 0, now()
FROM projects_project p, generate_series(0, 11) n WHERE p.name = %(project)s
""",
    """
INSERT INTO projects_quota (project_id, hard, used, created_at, updated_at)
SELECT p.id, -1, p.id, now(), now() FROM projects_project p ON CONFLICT DO NOTHING
""",
)

_SHOWN: tuple[LiteralString, ...] = (
    """
INSERT INTO artifacts_repository (project_id, name, description, pull_count, artifact_count, created_at, updated_at)
SELECT id, %(shown)s, '', 0, 1, now(), now() FROM projects_project WHERE name = %(project)s
""",
    """
INSERT INTO artifacts_manifest (repository_id, project_id, digest, media_type, artifact_type, payload, size, subject,
                                annotations, listed, pushed_at)
SELECT r.id, r.project_id, 'sha256:' || encode(sha256(('part' || n)::bytea), 'hex'), %(image)s, '',
       convert_to('{"schemaVersion":2,"layers":[]}', 'UTF8'), 2, '', '{}', false, now()
FROM artifacts_repository r, generate_series(0, 19) n WHERE r.name = %(shown)s
""",
    """
INSERT INTO artifacts_manifest (repository_id, project_id, digest, media_type, artifact_type, payload, size, subject,
                                annotations, pushed_at)
SELECT r.id, r.project_id, 'sha256:' || repeat('a', 64), %(index)s::text, '', convert_to(json_build_object(
    'schemaVersion', 2, 'mediaType', %(index)s::text, 'manifests', (
        SELECT json_agg(json_build_object('mediaType', m.media_type, 'digest', m.digest, 'size', 2,
                                          'platform', json_build_object('os', 'linux', 'architecture', m.id::text)))
        FROM artifacts_manifest m WHERE m.repository_id = r.id))::text, 'UTF8'), 2, '', '{}', now()
FROM artifacts_repository r WHERE r.name = %(shown)s
""",
    """
INSERT INTO artifacts_manifestchild (parent_id, child_id)
SELECT p.id, c.id FROM artifacts_repository r JOIN artifacts_manifest p ON p.repository_id = r.id
JOIN artifacts_manifest c ON c.repository_id = r.id AND c.id <> p.id
WHERE r.name = %(shown)s AND p.media_type = %(index)s::text
""",
    """
INSERT INTO artifacts_manifest (repository_id, project_id, digest, media_type, artifact_type, payload, size, subject,
                                annotations, listed, pushed_at)
SELECT m.repository_id, m.project_id, 'sha256:' || encode(sha256(('refers' || n)::bytea), 'hex'), %(image)s,
       'application/vnd.bench', '', 2, m.digest, '{}', false, now()
FROM artifacts_repository r JOIN artifacts_manifest m ON m.repository_id = r.id, generate_series(0, 1999) n
WHERE r.name = %(shown)s AND m.media_type = %(index)s::text
""",
    # More like it, with the same parts: a list's page of such.
    """
INSERT INTO artifacts_manifest (repository_id, project_id, digest, media_type, artifact_type, payload, size, subject,
                                annotations, pushed_at)
SELECT m.repository_id, m.project_id, 'sha256:' || encode(sha256(('index' || n)::bytea), 'hex'), m.media_type, '',
       m.payload, 2, '', '{}', now()
FROM artifacts_repository r JOIN artifacts_manifest m ON m.repository_id = r.id, generate_series(0, 28) n
WHERE r.name = %(shown)s AND m.media_type = %(index)s::text
""",
    """
INSERT INTO artifacts_manifestchild (parent_id, child_id)
SELECT p.id, c.id FROM artifacts_repository r JOIN artifacts_manifest p ON p.repository_id = r.id
JOIN artifacts_manifest c ON c.repository_id = r.id AND c.artifact_type = '' AND c.media_type = %(image)s::text
WHERE r.name = %(shown)s AND p.media_type = %(index)s::text ON CONFLICT DO NOTHING
""",
    """
INSERT INTO artifacts_manifest (repository_id, project_id, digest, media_type, artifact_type, payload, size, subject,
                                annotations, listed, pushed_at)
SELECT m.repository_id, m.project_id, 'sha256:' || encode(sha256((m.id || 'refers' || n)::bytea), 'hex'),
       %(image)s::text, 'application/vnd.bench', '', 2, m.digest, '{}', false, now()
FROM artifacts_repository r JOIN artifacts_manifest m ON m.repository_id = r.id, generate_series(0, 39) n
WHERE r.name = %(shown)s AND m.media_type = %(index)s::text AND m.digest <> 'sha256:' || repeat('a', 64)
""",
    """
INSERT INTO artifacts_tag (repository_id, name, manifest_id, pushed_at)
SELECT r.id, 'v' || n, m.id, now()
FROM artifacts_repository r JOIN artifacts_manifest m ON m.repository_id = r.id, generate_series(0, 1999) n
WHERE r.name = %(shown)s AND m.digest = 'sha256:' || repeat('a', 64)
""",
    """
INSERT INTO artifacts_artifactlabel (manifest_id, label_id, created_at)
SELECT m.id, l.id, now() FROM artifacts_repository r JOIN artifacts_manifest m ON m.repository_id = r.id
JOIN projects_label l ON l.project_id = r.project_id AND l.name < 'l2'
WHERE r.name = %(shown)s AND m.digest = 'sha256:' || repeat('a', 64)
""",
)

_REPLICATION: tuple[LiteralString, ...] = (
    """
INSERT INTO replication_endpoint (name, description, kind, url, credential_type, access_key, sealed_secret, insecure,
                                  ca_certificate, healthy, problem, checked_at, created_at, updated_at)
SELECT 'site-' || n, '', 'docker-registry', 'https://site-' || n || '.example.com', 'basic', '', '', false, '', true,
       '', now(), now(), now() FROM generate_series(0, 99) n
""",
    """
INSERT INTO replication_policy (name, description, source_id, destination_id, filters, namespace, flatten, trigger,
                                cron, deletion, override, enabled, speed, by_chunk, single_active, created_at,
                                updated_at)
SELECT 'policy-' || lpad(n::text, 4, '0'), '', NULL, e.id, '[{"type": "name", "value": "bench/r*"}]', '', -1, 'manual',
       '', false, true, true, -1, false, false, now(), now()
FROM generate_series(0, 499) n JOIN replication_endpoint e ON e.name = 'site-' || n %% 100
""",
    """
INSERT INTO replication_execution (policy_id, trigger, dry_run, state, text, stop_asked, planned, cursor, planner,
    attempts, failures, total, succeeded, failed, stopped, unchanged, bytes_total, bytes_done, bytes_sent, rate,
    measured, started_at, ended_at)
SELECT p.id, 'manual', false, CASE WHEN n = 0 THEN 'InProgress' ELSE 'Succeed' END, '', false, true, '', '', 1, 0,
    CASE WHEN n = 0 THEN %(many)s ELSE 1 END, 0, 0, 0, 0, 1000, 0, 0, 0, 0, now() - n * interval '1 minute',
    CASE WHEN n > 0 THEN now() - n * interval '1 minute' END
FROM generate_series(0, %(many)s - 1) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM replication_policy) p ON p.place = n %% 500
""",
    f"""
INSERT INTO replication_task (execution_id, operation, resource_type, source, destination, reference, batch, tags,
    state, text, attempts, failures, not_before, worker, lease_until, bytes_total, bytes_done, bytes_sent)
SELECT e.id, 'copy', 'image', %(project)s || '/r' || n, %(project)s || '/r' || n,
    'sha256:' || encode(sha256(n::text::bytea), 'hex'), '', '{{v1}}',
    CASE WHEN n < 10 THEN 'InProgress' ELSE 'Pending' END, '', 0, 0, {_FAR}, CASE WHEN n < 10 THEN 'bench' ELSE '' END,
    CASE WHEN n < 10 THEN {_FAR} END, 1000, 0, 0
FROM replication_execution e, generate_series(0, %(many)s - 1) n WHERE e.ended_at IS NULL
""",
    """
INSERT INTO replication_logline (task_id, at, level, text)
SELECT t.id, now(), 'INFO', 'line ' || n FROM (SELECT min(id) AS id FROM replication_task) t,
       generate_series(0, %(many)s / 10 - 1) n
""",
)


def gather(product: Product) -> None:
    """All of it, once `bench.seed.fill_lists` has made projects and artifacts."""
    values = {"many": _MANY, "project": PROJECT, "shown": SHOWN, "image": IMAGE_TYPE, "index": INDEX_TYPE}
    with product.database() as connection:
        for statement in (*_PEOPLE, *_SHOWN, *_REPLICATION):
            connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE")
