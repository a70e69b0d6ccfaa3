"""All that belongs to an artifact at its source: the parts of an index, and whatever refers to any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import islice

from oci import manifest as oci_manifest
from oci.client import FetchedManifest
from oci.digest import Digest
from oci.errors import ManifestInvalid
from replication.failures import Vanished
from replication.sites import Site

MOST = 2000  # manifests that hang on one artifact
_KEPT = 16 * 1024 * 1024  # bytes of manifests that are kept in memory; what is beyond is fetched again


@dataclass(frozen=True, slots=True)
class Node:
    """A manifest; `blobs` by digest with their sizes, `parts` that an index names."""

    digest: Digest
    size: int
    blobs: dict[Digest, int]
    parts: tuple[Digest, ...]
    subject: Digest | None


@dataclass(slots=True)
class Graph:
    """`belongings` are tags of the tag schema, and the digests they are on."""

    root: Digest
    nodes: dict[Digest, Node] = field(default_factory=dict)
    belongings: dict[str, Digest] = field(default_factory=dict)
    _payloads: dict[Digest, FetchedManifest] = field(default_factory=dict)
    _kept: int = 0

    def bottom_up(self) -> list[Digest]:
        """What an index names comes before it, and a subject before what refers to it, the root's tags apart."""
        before = {
            node.digest: [*node.parts, *([node.subject] if node.subject in self.nodes else [])]
            for node in self.nodes.values()
        }
        return list(TopologicalSorter(before).static_order())

    @property
    def blobs(self) -> dict[Digest, int]:
        return {digest: size for node in self.nodes.values() for digest, size in node.blobs.items()}

    @property
    def size(self) -> int:
        """Bytes of all that is in it, each once."""
        return sum(node.size for node in self.nodes.values()) + sum(self.blobs.values())

    def add(self, manifest: FetchedManifest) -> Node:
        parsed = oci_manifest.parse(manifest.payload, manifest.media_type)
        listed = [*parsed.blobs, *(child for child in parsed.children if not child.is_manifest)]
        node = Node(
            digest=manifest.digest,
            size=len(manifest.payload),
            blobs={each.digest: each.size for each in listed},
            parts=tuple(dict.fromkeys(child.digest for child in parsed.children if child.is_manifest)),
            subject=parsed.subject.digest if parsed.subject else None,
        )
        self.nodes[node.digest] = node
        if self._kept + node.size <= _KEPT:
            self._kept += node.size
            self._payloads[node.digest] = manifest
        return node

    def payload(self, digest: Digest) -> FetchedManifest | None:
        return self._payloads.get(digest)


def collect(site: Site, repository: str, root: Digest, pool: Executor, check: Callable[[], None]) -> Graph:
    """The artifact's graph, wave by wave.

    What refers to it and can't be had whole is left out. Raises Vanished where the artifact itself can't,
    ManifestInvalid where too much hangs on it, and what the site does.
    """
    graph, wave = Graph(root), {root: True}
    while wave:
        check()
        fresh = _Fresh(root)
        _look(graph, site, repository, wave, pool, fresh=fresh)
        wave = {digest: needed for digest, needed in fresh.needed.items() if digest not in graph.nodes}
        if len(graph.nodes) + len(wave) > MOST:
            raise _too_many(root)
    _prune(graph)
    return graph


def _too_many(root: Digest) -> ManifestInvalid:
    return ManifestInvalid(f"more than {MOST} manifests hang on {root}: too many for one artifact")


class _Fresh:
    """Digests to look at next, and whether the artifact can't be without them."""

    def __init__(self, root: Digest) -> None:
        self.root = root
        self.needed: dict[Digest, bool] = {}

    def add(self, digests: Iterable[Digest], *, needed: bool) -> None:
        """ManifestInvalid as soon as they are too many: a list of referrers may have no end."""
        for digest in digests:
            self.needed[digest] = needed or self.needed.get(digest, False)
        if len(self.needed) > MOST:
            raise _too_many(self.root)


def _look(
    graph: Graph, site: Site, repository: str, wave: dict[Digest, bool], pool: Executor, *, fresh: _Fresh
) -> None:
    """What the manifests of a wave name, and what refers to them."""
    fetched = pool.map(lambda digest: site.manifest(repository, digest), wave)
    for (digest, needed), manifest in zip(wave.items(), fetched, strict=True):
        if manifest is not None:
            fresh.add(graph.add(manifest).parts, needed=needed)
        elif needed:
            raise Vanished(f"{repository}@{digest} isn't at the source {site.name} any more")
    there = [digest for digest in wave if digest in graph.nodes]
    for found in pool.map(lambda digest: list(islice(site.referrers(repository, digest), MOST + 1)), there):
        fresh.add(found, needed=False)
    tags = site.belongings(repository, there)
    graph.belongings.update(tags)
    fresh.add(tags.values(), needed=False)


def _prune(graph: Graph) -> None:
    """Leave out what names parts that aren't there: it couldn't be pushed."""
    while broken := [node.digest for node in graph.nodes.values() if not graph.nodes.keys() >= set(node.parts)]:
        for digest in broken:
            del graph.nodes[digest]
    graph.belongings = {tag: digest for tag, digest in graph.belongings.items() if digest in graph.nodes}
