from __future__ import annotations

from tests.sandbox.e2b.world import e2b_with_toolbox

__all__ = ["e2b_with_toolbox"]
