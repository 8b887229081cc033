"""A stand-in of the OpenAI and Anthropic APIs on the loopback, for tests that use the real SDKs.

Requests are validated with the installed SDKs' own types and with the pairing rules of the real APIs; answers come
from a script; usage is computed, with a prompt cache; faults are part of a turn.
"""

from tests.standins.llm.script import Call, Incoming, Turn
from tests.standins.llm.server import KEY, Standin, serve

__all__ = ["KEY", "Call", "Incoming", "Standin", "Turn", "serve"]
