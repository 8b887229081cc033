from __future__ import annotations

from tests.standins.e2b.fixture import e2b_cloud, e2b_server

__all__ = ["e2b_cloud", "e2b_server"]
