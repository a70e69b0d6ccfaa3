"""The token service: docker login, scopes, signing and verifying."""
