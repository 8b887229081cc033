"""Benchmarks: run by hand with `make bench`; figures are ratios measured in one run, never asserted."""
