"""Our own checks of the OCI distribution specification 1.1, for any registry; see `suite`."""
