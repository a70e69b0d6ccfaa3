"""Cross-site replication."""
