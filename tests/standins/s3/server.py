"""`S3`: the server, its buckets and keys, and the faults that a test asks for."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import httpx

from tests.standins.s3.proxy import Faults, Proxy
from tests.support import free_port

if TYPE_CHECKING:
    from obstore.store import S3Store

REGION = "eu-central-1"
WAIT_SECONDS = 60.0
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


class S3:
    """moto's S3 behind a proxy; use as a context manager. It checks signatures: a wrong key is refused.

    Attributes:
        environment: What a process needs to find it: `AWS_ENDPOINT_URL`, key, secret and region.
    """

    def __init__(self, log: Path, host: str = "127.0.0.1") -> None:
        self._log, self._host = log, host
        self._numbers = itertools.count(1)
        self.environment: dict[str, str] = {}

    def __enter__(self) -> S3:
        self._port = free_port()
        with self._log.open("wb") as log:
            self._process = _moto(self._port, log)
        self._wait()
        key, secret = self._make_key()
        self.proxy = Proxy(self._port, self._host).__enter__()
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": REGION,
        }
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.proxy.__exit__()
        finally:
            self._process.kill()
            self._process.wait()

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://{self._host}:{self.proxy.port}"

    def bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"bench-{next(self._numbers)}"
        self._client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def remote(self) -> str:
        """The address of a folder in a new bucket, as settings name it."""
        return f"s3://{self.bucket()}/some/folder"

    def store(self, remote: str) -> S3Store:
        """What lies there, past the proxy: for tests that look, damage or remove."""
        from obstore.store import S3Store

        return S3Store.from_url(
            remote,
            endpoint=f"http://127.0.0.1:{self._port}",
            access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region=REGION,
            client_options={"allow_http": True},
        )

    def unfinished(self, remote: str) -> list[str]:
        """Keys of the multipart uploads that were begun in the bucket and neither completed nor aborted."""
        bucket = remote.removeprefix("s3://").split("/")[0]
        found = self._client("s3").list_multipart_uploads(Bucket=bucket)
        return [upload["Key"] for upload in found.get("Uploads", [])]

    def stop(self) -> None:
        """It takes no connections; what it keeps stays."""
        self.proxy.refuse()

    def start(self) -> None:
        """It takes connections again, at the same address."""
        self.proxy.listen()

    def kill(self) -> None:
        """All connections break now, and no new ones are taken until `start`."""
        self.proxy.refuse()

    def break_connections(self) -> None:
        """All connections break now; new ones are taken."""
        self.proxy.reset()

    def slow(self, bytes_a_second: float) -> None:
        """From now on every connection is so slow."""
        self.proxy.faults.rate = bytes_a_second

    def hang(self) -> None:
        """Connections are taken and never answered."""
        self.proxy.faults.hang = True

    def fail(self, status: int = 503, times: int = 1_000_000, kind: str = "") -> None:
        """The next requests (that begin with `kind`) are answered with an error."""
        faults = self.proxy.faults
        faults.status, faults.status_times, faults.status_of = status, times, kind

    def cut(self, after: int, times: int = 1_000_000, *, uploads: bool = False) -> None:
        """The next answers (or requests) that are longer break off after so many bytes."""
        faults = self.proxy.faults
        faults.cut_after, faults.cut_times, faults.cut_up = after, times, uploads

    def lose(self, kind: str, times: int = 1) -> None:
        """The next requests that begin like this (`POST`) are done, and nobody hears of it."""
        self.proxy.faults.lost, self.proxy.faults.lost_times = kind, times

    def calm(self) -> None:
        """All is well again, and nothing is counted yet."""
        self.proxy.faults = Faults()
        self.start()
        self.proxy.requests, self.proxy.up, self.proxy.down = [], 0, 0

    def _wait(self) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            try:
                httpx.get(f"http://127.0.0.1:{self._port}/moto-api/", timeout=5)
            except httpx.TransportError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        self._process.kill()
        raise RuntimeError(f"moto's server did not start: {self._log.read_text()[-2000:]}")

    def _make_key(self) -> tuple[str, str]:
        """A user who may do all; after that the server checks every signature."""
        self.environment = {"AWS_ACCESS_KEY_ID": "first", "AWS_SECRET_ACCESS_KEY": "first"}
        users = self._client("iam")
        users.create_user(UserName="bench")
        users.put_user_policy(UserName="bench", PolicyName="all", PolicyDocument=_POLICY)
        key = users.create_access_key(UserName="bench")["AccessKey"]
        httpx.post(f"http://127.0.0.1:{self._port}/moto-api/reset-auth", content="0").raise_for_status()
        return key["AccessKeyId"], key["SecretAccessKey"]

    def _client(self, service: str) -> Any:
        import boto3  # type: ignore[import-untyped]

        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self._port}",
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )


def _moto(port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        start_new_session=True,
    )
