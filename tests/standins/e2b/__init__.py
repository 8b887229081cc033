"""A loopback stand-in for E2B's cloud, for tests that drive the real `e2b` SDK; see README.md."""

from tests.standins.e2b.cloud import KEY, E2BCloud, unusable
from tests.standins.e2b.records import Limits, Template

__all__ = ["KEY", "E2BCloud", "Limits", "Template", "unusable"]
