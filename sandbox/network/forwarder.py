"""Runs inside a sandbox: listens on a port of its own loopback and passes connections on to the gate's socket.

Python 3.8 or later, standard library only: it is handed to `python3 -c` with the gate's folder and the port, and
leaves a child behind that serves until the gate's line `alive` goes dead. It decides nothing: the gate does.
"""

import os
import select
import socket
import sys
import time

CHUNK = 1 << 17
MAX_PAIRS = 128
IN_USE = 98
RETRY_SECONDS = 2.0


class Way:
    """One direction of a connection: what was read from `source` and not yet written to `target`."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target = source, target
        self.rest = memoryview(b"")
        self.ended = self.done = False

    def move(self) -> None:
        """Read when nothing waits to be written, and write as much as is taken.

        Raises:
            OSError: The source is lost; a target that hung up only ends this direction.
        """
        try:
            if not self.rest and not self.ended:
                data = self.source.recv(CHUNK)
                self.rest, self.ended = memoryview(data), not data
        except BlockingIOError:
            return
        try:
            if self.rest:
                self.rest = self.rest[self.target.send(self.rest) :]
            if self.ended and not self.rest and not self.done:
                self.done = True
                self.target.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self.rest, self.ended, self.done = memoryview(b""), True, True


class Pair:
    """A connection from a program inside, and the one to the gate that belongs to it."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.ends = (near, far)
        self.ways = (Way(near, far), Way(far, near))
        for end in self.ends:
            end.setblocking(False)

    def wanted(self) -> "list[tuple[int, int]]":
        """What each end is to be polled for."""
        masks = [0, 0]
        for number, way in enumerate(self.ways):
            if way.rest:
                masks[1 - number] |= select.EPOLLOUT
            elif not way.ended:
                masks[number] |= select.EPOLLIN
        return [(end.fileno(), mask) for end, mask in zip(self.ends, masks)]  # noqa: B905  # Python 3.8

    def move(self) -> bool:
        """Move what can be moved; whether the connection goes on."""
        try:
            for way in self.ways:
                way.move()
        except OSError:
            return False
        return not all(way.done for way in self.ways)

    def close(self) -> None:
        """Close both ends."""
        for end in self.ends:
            end.close()


class Forwarder:
    """One poll loop over all connections."""

    def __init__(self, folder: str, listener: socket.socket, alive: socket.socket) -> None:
        self.folder, self.listener, self.alive = folder, listener, alive
        self.poll = select.epoll()
        self.pairs: dict[int, Pair] = {}
        self.masks: dict[int, int] = {}
        self.poll.register(listener.fileno(), select.EPOLLIN)
        self.poll.register(alive.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Serve until the gate is gone."""
        while True:
            for handle, _ in self.poll.poll():
                if handle == self.alive.fileno():
                    return
                if handle == self.listener.fileno():
                    self.accept()
                elif handle in self.pairs:
                    self.serve(self.pairs[handle])

    def accept(self) -> None:
        """Take a new connection."""
        try:
            near = self.listener.accept()[0]
        except OSError:
            return
        if len(self.pairs) >= 2 * MAX_PAIRS:
            near.close()
            return
        far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        far.setblocking(False)
        try:
            far.connect(self.folder + "/gate")
        except OSError:
            near.close()
            far.close()
            return
        pair = Pair(near, far)
        for end in pair.ends:
            self.pairs[end.fileno()] = pair
        self.serve(pair)

    def serve(self, pair: Pair) -> None:
        """Move bytes, and poll for what is to come."""
        goes_on = pair.move()
        for handle, mask in pair.wanted() if goes_on else [(end.fileno(), 0) for end in pair.ends]:
            before = self.masks.get(handle, 0)
            if mask and not before:
                self.poll.register(handle, mask)
            elif before and not mask:  # a hung-up end would be told again and again
                self.poll.unregister(handle)
            elif mask != before:
                self.poll.modify(handle, mask)
            self.masks[handle] = mask
        if not goes_on:
            for end in pair.ends:
                del self.pairs[end.fileno()], self.masks[end.fileno()]
            pair.close()


def listening(port: int) -> socket.socket:
    """The listening socket; what still holds the port is given a moment to end."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    give_up = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(MAX_PAIRS)
        except OSError as error:
            if time.monotonic() > give_up:
                print("forwarder:", error, file=sys.stderr)
                sys.exit(IN_USE)
            time.sleep(0.05)
        else:
            listener.setblocking(False)
            return listener


def main(folder: str, port: int) -> None:
    """Start, and return once connections are taken."""
    alive = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    alive.connect(folder + "/alive")
    listener = listening(port)
    if os.fork():
        os._exit(0)
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    Forwarder(folder, listener, alive).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
