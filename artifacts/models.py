"""What a repository holds. PostgreSQL is the truth for tags, manifests and links; the bytes of blobs are upstream."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from projects.models import Label, Project

# A foreign key without an index of its own is the first column of the row's unique constraint, whose index serves.


class Repository(models.Model):
    """A repository by its full name, `project/path`."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="repositories")
    name = models.CharField(max_length=255, unique=True, db_collation="C")
    description = models.TextField(blank=True, default="")
    pull_count = models.BigIntegerField(default=0)
    artifact_count = models.BigIntegerField(default=0, db_default=0, help_text="that are listed: see artifacts.listed")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [GinIndex(OpClass(Upper("name"), "gin_trgm_ops"), name="repository_name_parts")]

    def __str__(self) -> str:
        return self.name


class Blob(models.Model):
    """Content in the blob store.

    `canonical` is the SHA-256 digest it is stored under. It differs from `digest` only for content that was
    pushed by another algorithm (sha512), which the upstream registry stores under its SHA-256.
    """

    digest = models.CharField(max_length=135, unique=True, db_collation="C")
    canonical = models.CharField(max_length=71, db_index=True, db_collation="C")
    size = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.digest


class BlobLink(models.Model):
    """A repository holds a blob: what makes the blob servable from there."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="blob_links", db_index=False)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="links")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["repository", "blob"], name="blob_link_once")]

    def __str__(self) -> str:
        return f"{self.blob_id} in {self.repository_id}"


class ProjectBlob(models.Model):
    """Content that manifests of a project name, or a manifest of it: it counts once in what the project uses.

    `digest` is what a blob is stored under, and of a manifest its own. See `artifacts.usage`, which alone writes here.
    """

    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    digest = models.CharField(max_length=135, db_collation="C")
    size = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "digest"], name="project_blob_once")]
        indexes = [models.Index(fields=["project", "size"], name="project_blob_size")]

    def __str__(self) -> str:
        return f"{self.digest} in {self.project_id}"


class BlobCommit(models.Model):
    """The commit of an upload was let through to the upstream registry, whose answer we don't see.

    So the repository may hold the blob before any manifest names it: a place to look for the source of a mount.
    """

    repository = models.CharField(max_length=255, db_collation="C")
    digest = models.CharField(max_length=135, db_collation="C")
    committed_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "repository"], name="blob_commit_once")]

    def __str__(self) -> str:
        return f"{self.digest} in {self.repository}"


class Manifest(models.Model):
    """A manifest in a repository, byte for byte as it was pushed, under the digest it was pushed by."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="manifests", db_index=False)
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False,
        help_text="the repository's, for the index of a project's artifacts",
    )  # fmt: skip
    digest = models.CharField(max_length=135, db_collation="C")
    media_type = models.CharField(max_length=255)
    artifact_type = models.CharField(max_length=255, blank=True, default="")
    payload = models.BinaryField()
    size = models.BigIntegerField(help_text="of the manifest and of every blob it names, bytes")
    subject = models.CharField(max_length=135, blank=True, default="", db_collation="C")
    annotations = models.JSONField(default=dict)
    attributes = models.JSONField(null=True, help_text="what the config tells of it; null: not read yet")
    blobs: models.ManyToManyField[Blob, ManifestBlob] = models.ManyToManyField(
        Blob, through="ManifestBlob", related_name="manifests"
    )
    listed = models.BooleanField(default=True, db_default=True, help_text="by itself in lists: see artifacts.listed")
    pushed_at = models.DateTimeField(default=timezone.now)
    pulled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["repository", "digest"], name="manifest_once")]
        indexes = [
            # Lists go by time. By id alone PostgreSQL would rather walk the primary key, through all repositories.
            models.Index(fields=["repository", "pushed_at", "id"], name="manifest_listed", condition=Q(listed=True)),
            models.Index(fields=["project", "pushed_at", "id"], name="manifest_project", condition=Q(listed=True)),
            models.Index(fields=["repository", "subject", "digest"], name="manifest_subject", condition=~Q(subject="")),
            models.Index(fields=["digest"], name="manifest_digest"),  # is it anywhere else in the project?
            models.Index(fields=["id"], name="manifest_untold", condition=Q(attributes__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.digest

    def save(self, *args: Any, **options: Any) -> None:
        if not self.project_id:
            self.project_id = self.repository.project_id
        super().save(*args, **options)


class ManifestBlob(models.Model):
    """A manifest names a blob, as its config or as a layer.

    `project` is the manifest's: whether a project still needs a blob that half of all manifests name must not take
    looking through them all.
    """

    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="manifest_blobs", db_index=False)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="manifest_blobs", db_index=False)
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["manifest", "blob"], name="manifest_blob_once")]
        indexes = [models.Index(fields=["blob", "project"], name="manifest_blob_place")]

    def __str__(self) -> str:
        return f"{self.blob_id} of {self.manifest_id}"


class ManifestChild(models.Model):
    """An index names a manifest of the same repository."""

    parent = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="children", db_index=False)
    child = models.ForeignKey(Manifest, on_delete=models.PROTECT, related_name="parents")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parent", "child"], name="manifest_child_once"),
            models.CheckConstraint(condition=~Q(parent=F("child")), name="manifest_not_its_own_child"),
        ]

    def __str__(self) -> str:
        return f"{self.child_id} in {self.parent_id}"


class Tag(models.Model):
    """A name for a manifest. Tags live here alone: the upstream registry never sees one."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=128, db_collation="C")
    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="tags", db_index=False)
    pushed_at = models.DateTimeField(default=timezone.now)
    pulled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["repository", "name"], name="tag_once")]
        indexes = [models.Index(fields=["manifest", "pushed_at", "id"], name="tag_of_manifest")]

    def __str__(self) -> str:
        return self.name


class ArtifactLabel(models.Model):
    """A manifest is marked with a label: a global one, or one of its own project."""

    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="marks", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="marks")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["manifest", "label"], name="artifact_label_once")]

    def __str__(self) -> str:
        return f"{self.label_id} on {self.manifest_id}"


class Figure(models.Model):
    """Something about the whole installation, as it was counted last: see `artifacts.figures`."""

    name = models.TextField(primary_key=True)
    value = models.BigIntegerField()
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.value} {self.name}"


class Process(models.Model):
    """A process of the platform that was heard of lately: see `artifacts.processes`."""

    kind = models.CharField(max_length=16)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    queues = ArrayField(models.TextField(), default=list, help_text="of Celery's, that it takes from")
    slots = models.SmallIntegerField(default=1, help_text="tasks or requests that it works on at once")
    started_at = models.DateTimeField(default=timezone.now)
    heard_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "host", "pid"], name="process_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pid} at {self.host}"
