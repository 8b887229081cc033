"""Reaching anything at all."""

from __future__ import annotations

import os
import socket
import stat
import struct

from .kit import Facts, Report, program


def _tcp(where: tuple[str, int], family: int = socket.AF_INET) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(1.5)
        stream.connect(where)
        stream.sendall(b"x")


@program
def host_loopback(report: Report, facts: Facts) -> None:
    """The host's services on its loopback, by every name that leads there, TCP and UDP."""
    port = int(facts["port"])
    for name in ("127.0.0.1", "127.1.2.3", "0.0.0.0", *facts["addresses"]):
        report.attempt(name, lambda name=name: _tcp((name, port)))  # type: ignore[misc]
    report.attempt("::1", lambda: _tcp(("::1", port), socket.AF_INET6))
    report.attempt("::ffff:127.0.0.1", lambda: _tcp(("::ffff:127.0.0.1", port), socket.AF_INET6))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.settimeout(0.3)

        def ask() -> None:
            stream.sendto(b"x", ("127.0.0.1", int(facts["udp_port"])))
            stream.connect(("127.0.0.1", int(facts["udp_port"])))
            stream.send(b"x")
            stream.recv(10)

        report.attempt("udp", ask)


@program
def metadata(report: Report, facts: Facts) -> None:
    """The addresses at which clouds hand out keys, and those of container hosts."""
    places = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.168.65.2", "172.17.0.1", "10.0.2.2"]
    for name in places:
        report.attempt(name, lambda name=name: _tcp((name, int(facts.get("web_port", 80)))))  # type: ignore[misc]
    report.attempt("fd00:ec2::254", lambda: _tcp(("fd00:ec2::254", 80), socket.AF_INET6))
    for name in ("metadata.google.internal", "host.docker.internal", "gateway.docker.internal"):
        report.attempt(name, lambda name=name: _tcp((name, 80)))  # type: ignore[misc]


@program
def names(report: Report, facts: Facts) -> None:
    """Resolve names, by the system and by asking name servers: a name asked for carries data out."""
    query = (
        struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0)
        + b"\x06secret\x07example\x03org\x00"
        + struct.pack(">HH", 1, 1)
    )
    report.attempt("getaddrinfo", lambda: socket.getaddrinfo("secret.example.org", 80))
    for server in ("1.1.1.1", "8.8.8.8", "127.0.0.53", "127.0.0.11", "169.254.169.253"):

        def ask(server: str = server) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
                stream.settimeout(0.3)
                stream.connect((server, int(facts.get("dns_port", 53))))
                stream.send(query)
                stream.recv(512)

        report.attempt(server, ask)
        report.attempt(f"tcp {server}", lambda server=server: _tcp((server, int(facts.get("dns_port", 53)))))  # type: ignore[misc]


@program
def raw_sockets(report: Report, facts: Facts) -> None:
    """Raw and packet sockets: forge what goes over a wire, listen to all of it."""
    report.attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close())
    report.attempt("packet, cooked", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM).close())
    report.attempt("icmp", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close())
    report.attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 6).close())
    report.attempt("own headers", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 255).close())
    report.attempt("icmp6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58).close())


@program
def netlink(report: Report, facts: Facts) -> None:
    """Make network interfaces and addresses, and speak to the audit and firewall of the kernel."""

    def ask(protocol: int, kind: int, body: bytes) -> None:
        with socket.socket(16, socket.SOCK_RAW, protocol) as stream:
            stream.settimeout(1)
            head = struct.pack("IHHII", 16 + len(body), kind, 0x605, 1, 0)
            stream.send(head + body)
            answer = stream.recv(4096)
            (_, kind_back) = struct.unpack("IH", answer[:6])
            code = struct.unpack("i", answer[16:20])[0] if kind_back == 2 else 0
            if code:
                raise OSError(-code, os.strerror(-code))

    name = struct.pack("HH", 8, 3) + b"up0\0"
    info = struct.pack("HH", 4 + 12, 18) + struct.pack("HH", 11, 1) + b"bridge\0\0"
    report.attempt("new interface", lambda: ask(0, 16, struct.pack("BxHiII", 0, 0, 0, 0, 0) + name + info))
    address = struct.pack("BBBBi", 2, 8, 0, 0, 1) + struct.pack("HH4s", 8, 2, bytes((10, 9, 8, 7)))
    report.attempt("new address", lambda: ask(0, 20, address))
    report.attempt("audit", lambda: ask(9, 1001, struct.pack("I", 1) + bytes(36)))
    if not facts.get("control"):
        return
    report.refused.pop("audit", None)


@program
def abstract_sockets(report: Report, facts: Facts) -> None:
    """The host's abstract unix sockets, which have no path that could be hidden."""

    def go() -> None:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect("\0" + facts["abstract"])
            stream.send(b"x")

    report.attempt("connect", go)
    with open("/proc/net/unix") as table:
        if facts["mark"] in table.read():
            report.did.append("named in /proc/net/unix")
        else:
            report.refused["/proc/net/unix"] = "not named"


@program
def path_sockets(report: Report, facts: Facts) -> None:
    """Unix sockets by path: Docker's, containerd's, D-Bus, X11, agents, and every one that is found."""
    usual = [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/dbus/system_bus_socket",
    ]
    usual += ["/tmp/.X11-unix/X0", "/run/systemd/private", "/run/podman/podman.sock", "/dev/log"]
    found = [facts["socket"], *usual]
    tops = ("/run", "/var", "/tmp", "/dev", "/home", "/root", "/job")
    for top in () if facts.get("control") else tops:
        for at, _, names_here in os.walk(top):
            for name in names_here:
                try:
                    if stat.S_ISSOCK(os.lstat(os.path.join(at, name)).st_mode):
                        found.append(os.path.join(at, name))
                except OSError:
                    continue
    for path in dict.fromkeys(found):

        def go(path: str = path) -> None:
            with socket.socket(socket.AF_UNIX) as stream:
                stream.settimeout(1)
                stream.connect(path)

        report.attempt(path, go)
