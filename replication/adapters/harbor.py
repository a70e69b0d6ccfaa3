"""Harbor, and Roadstead itself."""

from __future__ import annotations

from replication.adapters import base


class Adapter(base.Adapter):
    info = base.Info("harbor", "Harbor 2, or another Roadstead", labels=True, components=(2, 255))
