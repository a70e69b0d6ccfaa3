"""Referrers at a registry that keeps no list of them: the index that clients keep instead, under a tag."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from oci import manifest as oci_manifest
from oci.client import FetchedManifest
from oci.digest import Digest
from oci.errors import ManifestInvalid
from oci.referrers import tag_of
from replication.graph import Graph
from replication.sites import Site


def list_referrers(site: Site, repository: str, graph: Graph, payload: Callable[[Digest], FetchedManifest]) -> None:
    """See that whatever of the graph refers to a part of it is found at the site by its subject.

    A registry with the referrers API finds it by itself; for another the index of the referrers tag schema is kept
    (distribution-spec "Pushing Manifests with Subject").
    """
    for subject, missing in _by_subject(graph).items():
        for digest in site.referrers(repository, subject):
            missing.pop(digest, None)
            if not missing:
                break
        if missing:
            _add(site, repository, subject, [_descriptor(payload(digest)) for digest in missing])


def _by_subject(graph: Graph) -> dict[Digest, dict[Digest, None]]:
    """What refers to each manifest of the graph that anything does, in its order."""
    found: dict[Digest, dict[Digest, None]] = {}
    for node in graph.nodes.values():
        if node.subject is not None and node.subject in graph.nodes:
            found.setdefault(node.subject, {})[node.digest] = None
    return found


def _add(site: Site, repository: str, subject: Digest, entries: list[dict[str, Any]]) -> None:
    name = tag_of(subject)
    document = _index(site.manifest(repository, name))
    document |= {"mediaType": oci_manifest.OCI_INDEX, "manifests": [*document.get("manifests", []), *entries]}
    payload = json.dumps(document, separators=(",", ":")).encode()
    site.put_manifest(repository, FetchedManifest(oci_manifest.OCI_INDEX, payload, Digest.of(payload)), [name])


def _index(there: FetchedManifest | None) -> dict[str, Any]:
    """The index that is there; an empty one where there is nothing, or no index."""
    empty = {"schemaVersion": 2}
    if there is None or there.media_type not in oci_manifest.INDEX_TYPES:
        return empty
    try:
        oci_manifest.parse(there.payload, there.media_type)
    except ManifestInvalid:
        return empty
    document: dict[str, Any] = json.loads(there.payload)
    return document


def _descriptor(manifest: FetchedManifest) -> dict[str, Any]:
    parsed = oci_manifest.parse(manifest.payload, manifest.media_type)
    entry: dict[str, Any] = {
        "mediaType": manifest.media_type, "digest": str(manifest.digest), "size": len(manifest.payload),
        "artifactType": parsed.artifact_type,
    }  # fmt: skip
    return entry | ({"annotations": dict(parsed.annotations)} if parsed.annotations else {})
