"""The Docker engine, as the environment names it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from core import MissingTool

if TYPE_CHECKING:
    import docker

MEND = "sudo apt-get install -y docker.io && sudo systemctl start docker (this user must be able to reach it)"
SECONDS = 60


@functools.cache
def engine() -> docker.DockerClient:
    """A client of the engine that answers; looked for once.

    Raises:
        MissingTool: None does.
    """
    import docker  # slow to import
    import docker.errors

    try:
        client = docker.from_env(timeout=SECONDS, max_pool_size=32)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise MissingTool("no Docker engine answers", mend=MEND) from error
    return client
