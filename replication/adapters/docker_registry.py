"""Any registry that speaks the distribution specification: CNCF Distribution, Zot, Nexus, Gitea, …"""

from __future__ import annotations

from replication.adapters import base


class Adapter(base.Adapter):
    info = base.Info("docker-registry", "any registry that speaks the OCI distribution specification")
