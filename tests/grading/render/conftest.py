from __future__ import annotations

from tests.grading.render.rendering import Made, deliverable

__all__ = ["Made", "deliverable"]
