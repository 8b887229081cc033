"""A small real internet: two network namespaces, public addresses, HTTP and HTTPS servers, names in /etc/hosts.

`unshare --net --mount --propagation private python internet.py FOLDER COMMAND...` (as root) builds it around
COMMAND, which runs in the first namespace at 9.9.8.1; the servers are in the second. All ends with the processes.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

OUR_ADDRESS = "9.9.8.1"
SERVERS = ("9.9.8.2/24", "8.8.4.4/32", "10.9.9.9/32", "169.254.169.254/32")
HOSTS = f"""127.0.0.1 localhost
8.8.4.4 good.example.net other.example.net a.wild.example.net evilwild.example.net
10.9.9.9 inside.example.net
169.254.169.254 metadata.example.net
{OUR_ADDRESS} own.example.net
"""


def ip(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True)


def certificates(folder: Path) -> None:
    """An authority and a server's certificate."""
    (folder / "leaf.cnf").write_text("subjectAltName=DNS:good.example.net,DNS:*.wild.example.net")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    lines = (
        f"req -x509 {key} -days 2 -subj /CN=Test -keyout ca.key -out ca.pem",
        f"req {key} -subj /CN=good.example.net -keyout leaf.key -out leaf.csr",
        "x509 -req -days 2 -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile leaf.cnf -out leaf.pem",
    )
    for line in lines:
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)


class Handler(SimpleHTTPRequestHandler):
    """Files below `site`, redirects, as many bytes as are asked for, and a log of all requests."""

    log: Path

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        wanted = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.log.open("a") as stream:
            print(json.dumps([self.headers["Host"], self.path, dict(self.headers)]), file=stream)
        if parts.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", wanted["to"])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif parts.path == "/big":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for _ in range(int(wanted["mib"])):
                    self.wfile.write(bytes(1 << 20))
        else:
            super().do_GET()

    def do_POST(self) -> None:
        length = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(length).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def listen(address: str, port: int, folder: Path, *, secure: bool = False) -> None:
    Handler.log = folder / "requests.jsonl"

    def handler(*words: object) -> Handler:
        return Handler(*words, directory=str(folder / "site"))  # type: ignore[arg-type]

    server = ThreadingHTTPServer((address, port), handler)
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def serve(folder: Path) -> None:
    """In the second namespace: configure it once the link is here, serve, end with standard input."""
    print("here", flush=True)
    sys.stdin.readline()
    ip("link set lo up")
    for address in SERVERS:
        ip(f"addr add {address} dev far")
    ip("link set far up")
    for port in (80, 8080):
        listen("0.0.0.0", port, folder)
    listen("0.0.0.0", 443, folder, secure=True)
    print("serving", flush=True)
    sys.stdin.readline()


def main(folder: Path, command: list[str]) -> int:
    certificates(folder)
    words = ["unshare", "--net", sys.executable, __file__, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as far:
        assert far.stdin is not None
        assert far.stdout is not None
        far.stdout.readline()
        ip("link set lo up")
        ip("link add near type veth peer name far")
        ip(f"link set far netns {far.pid}")
        ip(f"addr add {OUR_ADDRESS}/24 dev near")
        ip("link set near up")
        ip("route add default via 9.9.8.2")
        print(file=far.stdin, flush=True)
        far.stdout.readline()
        for name, text in (
            ("hosts", HOSTS),
            ("resolv.conf", "nameserver 9.9.8.2\noptions timeout:1 attempts:1\n"),
        ):
            (folder / name).write_text(text)
            subprocess.run(["mount", "--bind", folder / name, f"/etc/{name}"], check=True)
        listen(OUR_ADDRESS, 80, folder)
        code = subprocess.run(command, check=False).returncode
        far.stdin.close()
    return code


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
    serve(Path(sys.argv[1]))
