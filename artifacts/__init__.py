"""What a repository holds: manifests, tags and blobs."""
