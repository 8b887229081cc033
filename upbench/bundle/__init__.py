"""Bundles: everything that a run did, as one file that can be moved and opened elsewhere."""
