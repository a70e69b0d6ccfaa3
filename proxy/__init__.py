"""The registry's front door: everything under /v2/."""
