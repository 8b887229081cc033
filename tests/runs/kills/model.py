"""The model of the kill matrix: its calls can be told apart by what they leave behind, and so can its requests."""

from __future__ import annotations

import threading
from collections import Counter

from tests.standins.llm import Call, Incoming, Turn

MODEL = "openai/gpt-5-mini"
"""One with a price."""

DELAY = 0.06
SUMMARY = {"files": [{"path": "total.csv"}], "summary": "The total."}
TOTAL = "printf 'total\\n60\\n' > total.csv; echo Birch > note.txt"


def command(tag: str, step: int) -> str:
    """Leaves a line behind, and a total; takes long enough to be interrupted."""
    more = f"; {TOTAL}" if step == 1 else ""
    return f": {tag} ; cd /job/deliverables; echo {tag} >> log.txt{more}; sleep 0.1"


class Counting:
    """Two shell commands and a hand-in; a command that was interrupted is given again, as a call of its own.

    Attributes:
        requests: How often each reply was asked for, by the key that the journal knows it by.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, request: Incoming) -> Turn:
        """The answer."""
        outputs = [i["output"] for i in request.body["input"] if i.get("type") == "function_call_output"]
        key = f"{request.body['prompt_cache_key']}/{len(outputs) + 1}"
        with self._lock:
            self.requests[key] += 1
        done = sum("interrupted" not in str(output) for output in outputs)
        if done >= 2:
            return Turn(text="Done.", calls=(Call("submit", SUMMARY),), delay=DELAY)
        tag = f"call-{len(outputs) + 1}"
        return Turn(text="Next.", calls=(Call("shell", {"command": command(tag, done)}),), delay=DELAY)
