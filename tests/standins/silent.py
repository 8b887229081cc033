"""A TCP proxy that can fall silent: to whoever is behind it the server has vanished."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class SilentProxy:
    """Passes connections on to a server, until it is cut.

    Args:
        port: Of the server, on this machine.

    Attributes:
        port: Its own.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._is_cut = False
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket | None]] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Nothing comes through, and nothing is refused. The server finds its ends closed, as it does in time."""
        with self._lock:
            self._is_cut = True
            for _, upstream in self._pairs:
                if upstream is not None:
                    _hang_up(upstream)

    def heal(self) -> None:
        """Connections from before are broken; new ones are passed on."""
        with self._lock:
            self._is_cut = False
            for client, _ in self._pairs:
                _hang_up(client)
            self._pairs.clear()

    def close(self) -> None:
        """Take no more."""
        self.cut()
        self.heal()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    self._pairs.append((client, None))
                    continue
                upstream = socket.create_connection(("127.0.0.1", self._to))
                self._pairs.append((client, upstream))
            for source, target in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._is_cut:
                    return
                target.sendall(data)
        if not self._is_cut:
            _hang_up(target)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
