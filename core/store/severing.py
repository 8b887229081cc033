"""Breaks connections to a server off from outside, where whoever uses them waits for an answer that does not come.

A server that stands still takes what it is sent: neither keep-alives nor `tcp_user_timeout` tell it from one that
thinks, and libpq waits for ever.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event


class Severing:
    """The connections of some engines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, Any] = {}

    def watch(self, engine: Engine) -> None:
        """Know of the engine's connections. To be called before anything else listens to it."""
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "close_detached", self._gone)

    def sever(self) -> int:
        """Break all of them off, from any thread: whoever waits for an answer is told that there is none.

        Returns:
            How many there were.
        """
        with self._lock:
            known = list(self._open.values())
            for connection in known:
                _shut(connection)
        return len(known)

    def _opened(self, connection: Any, _record: Any) -> None:
        with self._lock:
            self._open[id(connection)] = connection

    def _closed(self, connection: Any, _record: Any) -> None:
        self._gone(connection)

    def _gone(self, connection: Any) -> None:
        with self._lock:  # before its socket's number is somebody else's
            self._open.pop(id(connection), None)


def _shut(connection: Any) -> None:
    from psycopg import Error  # the driver is imported only where it is used

    with suppress(Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
