"""Registries that don't keep what they promise: the in-memory one, with a flaw each."""

from __future__ import annotations

from dataclasses import replace

from oci.listener import Reply
from oci.registry import MemoryRegistry

_OTHER = f"sha256:{'0' * 64}"


class Corrupt(MemoryRegistry):
    """Its blobs are as long as they should be, and hold something else."""

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply | None:
        reply = super().answer(method, target, headers, body)
        if reply is not None and method == "GET" and "/blobs/sha256:" in target:
            return replace(reply, payload=bytes(len(reply.payload)))
        return reply


class Renaming(MemoryRegistry):
    """It stores manifests under another digest than theirs, or says so."""

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply | None:
        reply = super().answer(method, target, headers, body)
        if reply is not None and "/manifests/" in target and "Docker-Content-Digest" in reply.headers:
            return replace(reply, headers=reply.headers | {"Docker-Content-Digest": _OTHER})
        return reply


class Forgetful(MemoryRegistry):
    """It confirms every blob, and has none of them afterwards."""

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply | None:
        reply = super().answer(method, target, headers, body)
        for repository in self.repositories.values():
            repository.blobs.clear()
        return reply
