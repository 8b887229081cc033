"""What exists of one owner in an engine, by its labels alone, and removing it."""

from __future__ import annotations

from typing import Any

from sandbox.docker.container import APP, remove, remove_volume
from sandbox.docker.engine import Engine
from sandbox.protocol import Resource

ALIVE = ("running", "paused", "restarting")


def labels_of(owner: str, workspace: str) -> dict[str, str]:
    """The labels of every container and volume of a workspace, beside the lease and the run's own."""
    return {"app": APP, "owner": owner, "workspace": workspace}


def holdings(engine: Engine, owner: str) -> tuple[Resource, ...]:
    """Containers, then volumes: in this order they can be removed."""
    wanted = {"label": [f"app={APP}", f"owner={owner}"]}
    found = [
        _resource("container", row["Id"], row["Labels"], running=row["State"] in ALIVE)
        for row in engine.api.containers(all=True, filters=wanted)
    ]
    volumes = {row["Name"]: row["Labels"] for row in engine.api.volumes(filters=wanted)["Volumes"] or []}
    # What an engine made while it was being stopped has lost its labels. Its name says whose it is.
    prefix = volume_of(owner, "")
    for row in engine.api.volumes(filters={"name": prefix})["Volumes"] or []:
        if row["Name"].startswith(prefix) and not row["Labels"]:
            volumes[row["Name"]] = labels_of(owner, row["Name"].removeprefix(prefix))
    return (*found, *(_resource("volume", name, labels) for name, labels in volumes.items()))


def volume_of(owner: str, workspace: str) -> str:
    """The name of a workspace's volume."""
    return f"upbench-{owner}-{workspace}"


def remove_holding(engine: Engine, resource: Resource) -> None:
    """Remove a container, or a volume with the containers of its owner that use it."""
    if resource.kind == "container":
        remove(engine, resource.id)
    else:
        remove_volume(engine, resource.id)


def _resource(kind: str, name: str, labels: dict[str, Any], *, running: bool = False) -> Resource:
    return Resource(
        provider="docker",
        kind=kind,
        id=name,
        workspace=labels.get("workspace"),
        owner=labels["owner"],
        run=labels.get("run", ""),
        trial=labels.get("trial", ""),
        lease=labels.get("lease", ""),
        running=running,
    )
