"""Benchmarks: every figure is a ratio of two sides measured in turns in the same run."""
