"""The token service's own rows: keys that sign, and refresh tokens."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from rbac.models import User


class SigningKey(models.Model):
    """A key pair for ES256. The newest one that isn't retired signs; every row verifies."""

    kid = models.CharField(max_length=64, unique=True)
    private_key = models.TextField(help_text="PKCS #8, sealed with a key derived from the installation's secret key")
    public_jwk = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.kid


class RefreshToken(models.Model):
    """A client's right to ask for tokens without the password. The secret itself isn't kept."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret, hexadecimal")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_tokens")
    session_hash = models.CharField(max_length=64, help_text="the user's when it was issued; it dies when this changes")
    client = models.CharField(max_length=255, blank=True, default="", help_text="client_id, as the client named itself")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.user_id} by {self.client}"
