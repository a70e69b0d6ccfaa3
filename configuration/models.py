"""The items that were set. What has no row has its default."""

from django.db import models


class Setting(models.Model):
    """One item's value as JSON, sealed if the item is a secret."""

    name = models.TextField(primary_key=True)
    value = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name
