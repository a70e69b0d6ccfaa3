"""The version that the REST API and pages tell."""

VERSION = "v2.14.0-roadstead"  # the Harbor whose contract is spoken: clients decide by it what they may ask for
