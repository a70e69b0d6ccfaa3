"""Running Roadstead: configuration of nginx and the upstream registry, and the local stack."""
