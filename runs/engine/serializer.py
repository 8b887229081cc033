"""How the engine writes down inputs and outputs: as JSON, never as Python objects."""

from __future__ import annotations

import json
from typing import Any

from dbos import Serializer

ERROR = "\u0000error"


class JsonSerializer(Serializer):
    """JSON. An error, which only a bug of ours lets out of a round, is kept as its text."""

    def serialize(self, data: Any) -> str:
        """The text of `data`."""
        return json.dumps(data, default=_shown, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """The data of a text."""
        data = json.loads(serialized_data)
        if isinstance(data, dict) and ERROR in data:
            return RuntimeError(data[ERROR])
        return data

    def name(self) -> str:
        """Kept beside every value."""
        return "upbench_json"


def _shown(value: object) -> Any:
    if isinstance(value, BaseException):
        return {ERROR: f"{type(value).__name__}: {value}"}
    raise TypeError(f"{type(value).__name__} is not JSON")
