"""Getting past the gate: from inside, everything goes to 127.0.0.1:3128."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time

from .kit import Facts, Report, pids, program

PRIVATE = [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "ip6-localhost",
    "0.0.0.0",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "10.0.0.1",
    "172.17.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "[fe80::1]",
    "224.0.0.1",
    "255.255.255.255",
    "0",
    "host.docker.internal",
]


def _ask(data: bytes, seconds: float = 6) -> bytes:
    with socket.create_connection(("127.0.0.1", 3128), 5) as stream:
        stream.settimeout(seconds)
        stream.sendall(data)
        found = b""
        with contextlib.suppress(OSError):
            while len(found) < 2000 and (more := stream.recv(2000)):
                found += more
        return found


def _passed(report: Report, what: str, data: bytes) -> None:
    """What is answered with success, or not by the gate itself, has got through."""

    def go() -> None:
        answer = _ask(data)
        report.saw(answer.decode("latin-1"))
        status = answer[9:12]
        if status[:1] not in (b"4", b"5"):
            return
        raise PermissionError(1, status.decode("latin-1"))

    report.attempt(what, go)


@program
def private(report: Report, facts: Facts) -> None:
    """Ask the gate for the host's own services and for private addresses, in every way of writing them."""
    port = int(facts["port"])
    for name in PRIVATE:
        for at in (port, 80):
            _passed(report, f"tunnel {name}", f"CONNECT {name}:{at} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        _passed(
            report, f"page {name}", f"GET http://{name}:{port}/latest HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
        )


@program
def walk_around(report: Report, facts: Facts) -> None:
    """Ask for what is not on the list by names, ports, users, headers and lines that look as if they were."""
    port = int(facts["port"])
    names = ["other.org:443", "example.org.evil.org:443", "evilexample.org:443", "example.org:22", "example.org:0"]
    names += [
        "example.org@127.0.0.1:443",
        "example.org%00.evil.org:443",
        "example.org#.evil.org:443",
        "[example.org]:443",
    ]
    names += [
        f"127.0.0.1:{port}#example.org",
        f"example.org:443@127.0.0.1:{port}",
        "*.example.org:443",
        ":443",
        "example.org:",
    ]
    for name in names:
        _passed(report, f"tunnel {name}", f"CONNECT {name} HTTP/1.1\r\nHost: example.org\r\n\r\n".encode())
    for url in (
        f"http://127.0.0.1:{port}/",
        f"http://example.org@127.0.0.1:{port}/",
        "file:///etc/passwd",
        "ftp://x/",
    ):
        _passed(report, f"page {url}", f"GET {url} HTTP/1.1\r\nHost: example.org\r\n\r\n".encode())
    one = "GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n"
    two = f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n"
    two = f"{one}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{two}"
    _passed(report, "two in one", two.encode())
    _passed(
        report, "line ends", f"GET http://example.org/\r\nX: HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    )
    _passed(report, "no words", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200))


@program
def flood(report: Report, facts: Facts) -> None:
    """Hundreds of connections that say nothing, garbage, and endless headers."""
    kept, answered = [], 0
    for _ in range(300):
        with contextlib.suppress(OSError):
            kept.append(socket.create_connection(("127.0.0.1", 3128), 2))
    for stream in kept[:150]:
        stream.settimeout(1)
        with contextlib.suppress(OSError):
            stream.sendall(b"GET http://example.org/ HTTP/1.1\r\n" + b"X: " + b"y" * 200_000)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            _ask(os.urandom(3000), 0.2)
            answered += 1
    for stream in kept:
        stream.close()
    report.refused[f"{answered} answers"] = "bounded"


@program
def its_files(report: Report, facts: Facts) -> None:
    """Replace the gate's socket, or find another sandbox's."""
    for work, name in ((os.unlink, "/opt/gate/gate"), (os.rmdir, "/opt/gate")):
        report.attempt(f"{work.__name__} {name}", lambda work=work, name=name: work(name))  # type: ignore[misc]
    report.attempt("new", lambda: os.close(os.open("/opt/gate/new", os.O_CREAT)))
    report.attempt("rename", lambda: os.rename("/opt/gate", "/opt/other"))
    for name in sorted(set(os.listdir("/opt/gate")) - {"gate", "alive"}):
        report.did.append(f"sees {name}")
    for road in ("/opt/gate/..", "/opt/gate/../..", facts["state"]):
        with contextlib.suppress(OSError):
            found = [name for name in os.listdir(road) if facts["mark"] in name or name == "gates"]
            report.did += found


@program
def forwarder(report: Report, facts: Facts) -> None:
    """Kill the program that passes connections on, and listen in its place."""
    for pid in pids():
        if pid not in (1, os.getpid(), os.getppid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with socket.create_server(("127.0.0.1", 3128)):
                time.sleep(1)
            break
        except OSError:
            time.sleep(0.01)
    report.refused["whose traffic"] = "its own only"
