"""The oci package: formats, client, in-memory registry."""
