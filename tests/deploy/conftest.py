"""The images, built once."""

from __future__ import annotations

import pytest

from tests.deploy.composed import Images, build_images


@pytest.fixture(scope="session")
def images() -> Images:
    """Those of the code as it is now."""
    return build_images()
