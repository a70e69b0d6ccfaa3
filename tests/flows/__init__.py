"""Whole journeys: real clients and our own conformance suite against a running stack."""
