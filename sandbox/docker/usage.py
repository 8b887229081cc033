"""What a volume takes, seen from outside: by its folder where we may read it, else as the engine says."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.docker.engine import Engine, failures
from sandbox.protocol import SandboxLimits
from sandbox.unlinked import workspace_usage
from sandbox.watch import Usage

SHARED_SECONDS = 5.0
PATIENCE = 20  # the engine is asked again after so many times as long as the last answer took


def measure_of(engine: Engine, volume: str, container: str, limits: SandboxLimits) -> Callable[[], Usage]:
    """How the volume of a running container is measured from here on.

    By its folder, removed files that are held open count as well. The engine knows its bytes only, not its files.
    """
    folder = Path(engine.api.inspect_volume(volume)["Mountpoint"])
    if os.access(folder, os.R_OK | os.X_OK):
        first: int = engine.api.inspect_container(container)["State"]["Pid"]
        return lambda: workspace_usage(folder, first, limits)
    sizes = engine.known("sizes", lambda: VolumeSizes(engine))
    return lambda: Usage(bytes=sizes.of(volume))


class VolumeSizes:
    """The sizes of all volumes of an engine; one question, which is dear, serves every sandbox."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._fresh_until = 0.0

    def of(self, volume: str) -> int:
        """Bytes of a volume, as of a moment ago.

        Raises:
            OSError: The engine does not say.
        """
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._ask()
        return self._sizes.get(volume, 0)

    def _ask(self) -> None:
        api, began = self._engine.api, time.monotonic()
        url = f"{api.base_url}/v{api.api_version}/system/df"
        try:
            answer = api.get(url, params={"type": "volume"}, timeout=600)
            answer.raise_for_status()
            rows: list[dict[str, Any]] = answer.json().get("Volumes") or []
        except failures() as error:
            raise OSError("the engine does not say what its volumes take") from error
        finally:
            took = time.monotonic() - began
            self._fresh_until = time.monotonic() + max(SHARED_SECONDS, PATIENCE * took)
        self._sizes = {row["Name"]: int((row.get("UsageData") or {}).get("Size", 0)) for row in rows}
