"""Referrers at a registry that keeps no list of them: the index that clients keep instead, under a tag."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from oci import manifest as oci_manifest
from oci.client import FetchedManifest
from oci.digest import Digest
from oci.referrers import tag_of
from replication.graph import Graph
from replication.sites import Site


def list_referrers(site: Site, repository: str, graph: Graph, payload: Callable[[Digest], FetchedManifest]) -> None:
    """See that whatever of the graph refers to a part of it is found at the site by its subject.

    A registry with the referrers API finds it by itself; for another the index of the referrers tag schema is kept
    (distribution-spec "Pushing Manifests with Subject").
    """
    for subject, referrers in _by_subject(graph).items():
        known = set(site.referrers(repository, subject))
        if missing := [digest for digest in referrers if digest not in known]:
            _add(site, repository, subject, [_descriptor(payload(digest)) for digest in missing])


def _by_subject(graph: Graph) -> dict[Digest, list[Digest]]:
    found: dict[Digest, list[Digest]] = {}
    for node in graph.nodes.values():
        if node.subject is not None and node.subject in graph.nodes:
            found.setdefault(node.subject, []).append(node.digest)
    return found


def _add(site: Site, repository: str, subject: Digest, entries: list[dict[str, Any]]) -> None:
    name = tag_of(subject)
    there = site.manifest(repository, name)
    document: dict[str, Any] = json.loads(there.payload) if there is not None else {"schemaVersion": 2}
    listed = [entry for entry in document.get("manifests", []) if isinstance(entry, dict)]
    document |= {"mediaType": oci_manifest.OCI_INDEX, "manifests": [*listed, *entries]}
    payload = json.dumps(document, separators=(",", ":")).encode()
    site.put_manifest(repository, FetchedManifest(oci_manifest.OCI_INDEX, payload, Digest.of(payload)), [name])


def _descriptor(manifest: FetchedManifest) -> dict[str, Any]:
    parsed = oci_manifest.parse(manifest.payload, manifest.media_type)
    entry: dict[str, Any] = {
        "mediaType": manifest.media_type, "digest": str(manifest.digest), "size": len(manifest.payload),
        "artifactType": parsed.artifact_type,
    }  # fmt: skip
    return entry | ({"annotations": dict(parsed.annotations)} if parsed.annotations else {})
