"""A bucket of an S3-compatible server, as the far end of the blobs: objects named `<prefix>/<ab>/<sha256>`.

Address, key and region come from the standard environment (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_REGION`), or from the machine's role where it has one.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from core.causes import Cause
from core.digests import CHUNK
from core.errors import BadInput, StoreFault
from core.files import safe_relative

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Store

PART = 8 * CHUNK
"""Files over this size go up in parts of it, `PARTS` at one time: so much memory an upload costs."""

PARTS = 4

_LARGE = threading.BoundedSemaphore(4)
"""So many uploads in parts a process has at one time: what they cost in memory is bounded for all together."""

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^?#]*))?")
_ENDPOINT = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:(?P<port>[0-9]{1,5}))?(/[A-Za-z0-9._/-]*)?"
)
MAX_PORT = 65535
_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)


@dataclass(frozen=True)
class Patience:
    """How long a server that is down, slow or overloaded is waited for. All in seconds.

    Attributes:
        connect: For a connection.
        silence: Without a single byte of an answer, or for one part of an upload to be answered.
        total: From a request's first try to its last; tries in between wait 0.1 s and up, at most `longest`.
    """

    connect: float = 5.0
    silence: float = 30.0
    total: float = 60.0
    longest: float = 5.0

    @property
    def client(self) -> ClientConfig:
        """For the HTTP client. A whole request has no bound of its own but a generous one."""
        return {
            "connect_timeout": timedelta(seconds=self.connect),
            "read_timeout": timedelta(seconds=self.silence),
            "timeout": timedelta(minutes=15),
            "pool_idle_timeout": timedelta(seconds=30),
        }

    @property
    def retry(self) -> RetryConfig:
        """For each request; statuses 5xx, 408 and 429, broken connections and timeouts are tried again."""
        return {
            "max_retries": 1000,  # the time is the bound
            "retry_timeout": timedelta(seconds=self.total),
            "backoff": {"max_backoff": timedelta(seconds=self.longest)},
        }


class Bucket:
    """One bucket, or a folder in it. Methods may be called from any thread.

    Every method raises `StoreFault`: `store_refused` where the key or the bucket's name is wrong, `disk_full`
    where this machine's disk is, `store_failed` for what may pass.
    """

    def __init__(self, address: str, patience: Patience | None = None) -> None:
        found = _ADDRESS.fullmatch(address)
        if found is None:
            mend = "s3://bucket or s3://bucket/folder"
            raise BadInput(f"{address[:200]!r} is not the address of a bucket", field="blobs", mend=mend)
        self.name, self.prefix = found["bucket"], (found["prefix"] or "").strip("/")
        if self.prefix:
            try:
                safe_relative(self.prefix)
            except ValueError as error:
                raise BadInput(str(error), field="blobs", mend="name a plain folder of the bucket") from error
        _check_environment(os.environ)
        self.address = f"s3://{self.name}/{self.prefix}".rstrip("/")
        self.patience = patience or Patience()

    @cached_property
    def _store(self) -> S3Store:
        return self._open(self.patience)

    def _open(self, patience: Patience) -> S3Store:
        environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
        with self._faults("open"):
            return _shared_store(self.name, patience, environment)

    def _at(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def size(self, key: str) -> int | None:
        """Bytes of an object; None where there is none (or no such bucket)."""
        import obstore

        with self._faults("look at", key):
            try:
                return int(obstore.head(self._store, self._at(key))["size"])
            except FileNotFoundError:
                return None

    def upload(self, key: str, file: Path) -> None:
        """Copy a file there, all or nothing: in one request, or in parts with bounded memory.

        Parts that fail are sent again; what cannot be finished is aborted, so that nothing is left over.
        """
        import obstore

        size = file.stat().st_size  # a file that is gone must not be taken for a bucket that is
        turn = _LARGE if size > PART else nullcontext()
        with turn, self._faults("write", key):
            try:
                obstore.put(self._store, self._at(key), file, chunk_size=PART, max_concurrency=PARTS)
            except FileNotFoundError:
                if size <= PART:
                    raise
                # The upload is over: its end was asked for twice, as the first answer was lost; or it was aborted.
                if self.size(key) != size:
                    obstore.put(self._store, self._at(key), file, chunk_size=PART, max_concurrency=PARTS)

    def download(self, key: str, into: FileIO, offset: int = 0) -> None:
        """Append an object's bytes from `offset` on to a file. Raises `FileNotFoundError` where there is none.

        What came before it failed is in the file, so that the next call goes on from there.
        """
        import obstore

        with self._faults("read", key):
            found = obstore.get(
                self._store, self._at(key), options={"range": {"offset": offset}} if offset else None
            )
            for chunk in found.stream(min_chunk_size=CHUNK):
                left = memoryview(chunk)
                while left:
                    left = left[into.write(left) :]

    def must_be_there(self) -> None:
        """Raises `StoreFault` where the bucket itself cannot be looked into: then no object of it is missing."""
        import obstore

        with self._faults("look into"):
            obstore.list(self._store, self.prefix or None, chunk_size=1).collect()

    def write(self, key: str, data: bytes) -> None:
        """Write a small object."""
        import obstore

        with self._faults("write", key):
            obstore.put(self._store, self._at(key), data)

    def read(self, key: str) -> bytes:
        """A small object. Raises `FileNotFoundError` where there is none."""
        import obstore

        with self._faults("read", key):
            return bytes(obstore.get(self._store, self._at(key)).bytes())

    def listed(self, folder: str = "") -> Iterator[tuple[str, int, float]]:
        """Key, bytes, and when it was written (seconds, by the server's clock) of every object in a folder."""
        import obstore

        below = len(self.prefix) + 1 if self.prefix else 0
        with self._faults("list", folder):
            for some in obstore.list(self._store, self._at(folder).rstrip("/") or None):
                for one in some:
                    yield one["path"][below:], one["size"], one["last_modified"].timestamp()

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        import obstore

        with self._faults("list", folder):
            found = obstore.list_with_delimiter(self._store, self._at(folder))
        return [path.rsplit("/", 1)[-1] for path in found["common_prefixes"]]

    def copy(self, key: str, to: str) -> bool:
        """Copy an object within the bucket. Returns False where there is none."""
        import obstore

        with self._faults("read", key):
            try:
                obstore.copy(self._store, self._at(key), self._at(to))
            except FileNotFoundError:
                return False
        return True

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are no fault."""
        import obstore

        with self._faults("remove some of"):
            obstore.delete(self._store, [self._at(key) for key in keys])

    def remove_all(self) -> None:
        """Remove every object."""
        import obstore

        with self._faults("remove all of"):
            for some in obstore.list(self._store, self.prefix or None):
                obstore.delete(self._store, [one["path"] for one in some])

    def abort_unfinished(self, age: float) -> int:
        """Abort uploads that were begun more than `age` seconds ago. Returns how many; 0 without a key of ours."""
        key, secret = (os.environ.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
        if not key or not secret:
            return 0
        from core.store.unfinished import Signer, abort_uploads  # brings an HTTP client along

        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = endpoint_of(os.environ) or f"https://s3.{region}.amazonaws.com"
        signer = Signer(key, secret, region, os.environ.get("AWS_SESSION_TOKEN"))
        return abort_uploads(endpoint, self.name, self.prefix, signer, age)

    def check(self) -> str:
        """Write, read and remove a small object. Returns what is there, in words.

        Raises:
            BadInput: It cannot be used: what is wrong, and what mends it.
        """
        import obstore

        if not any(os.environ.get(name) for name in _KEYS):
            mend = "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=..."
            raise BadInput("no key for the bucket is set", file=self.address, field="blobs", mend=mend)
        key, at = f"check/{secrets.token_hex(8)}", endpoint_of(os.environ) or "Amazon S3"
        try:
            with self._faults("write", key):
                store = self._open(Patience(connect=2, silence=5, total=5, longest=1))
                obstore.put(store, self._at(key), b"check")
                same = bytes(obstore.get(store, self._at(key)).bytes()) == b"check"
                obstore.delete(store, self._at(key))
        except StoreFault as fault:
            mend = "start the server, or correct AWS_ENDPOINT_URL"
            if fault.cause is Cause.store_refused:
                mend = "correct the bucket's name, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or other AWS_*"
            what = f"{at}: {fault.problem}"
            raise BadInput(what, file=self.address, field="blobs", mend=mend) from fault
        if not same:
            what = f"{at} gives back other bytes than were written"
            raise BadInput(what, file=self.address, field="blobs", mend="use another server")
        return f"{self.address} at {at} can be written and read"

    @contextmanager
    def _faults(self, doing: str, key: str = "") -> Iterator[None]:
        """Turns what the library raises into a `StoreFault`."""
        from obstore import exceptions

        what = f"cannot {doing} {self.address}/{key}".rstrip("/")
        refused = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
        try:
            yield
        except FileNotFoundError as error:
            if doing == "read":
                raise
            # Only a bucket can be missing where something is written.
            problem = f"there is no bucket {self.name!r}"
            raise StoreFault(Cause.store_refused, f"{what}: {problem}", problem=problem) from error
        except refused as error:
            problem = "the key is not accepted, or may not do this"
            raise StoreFault(Cause.store_refused, f"{what}: {problem}", problem=problem) from error
        except exceptions.BaseError as error:
            problem = _first_line(error)
            cause = Cause.store_refused if doing == "open" else Cause.store_failed  # options that cannot be
            raise StoreFault(cause, f"{what}: {problem}", problem=problem) from error


@lru_cache(maxsize=16)
def _shared_store(bucket: str, patience: Patience, environment: tuple[tuple[str, str], ...]) -> S3Store:
    """One client, with its connections, for all folders of a bucket."""
    from obstore.store import S3Store  # most projects have no bucket, and it costs start-up time

    plain = (endpoint_of(dict(environment)) or "").startswith("http://")  # only where the user wrote it
    return S3Store(bucket, client_options={**patience.client, "allow_http": plain}, retry_config=patience.retry)


def look_at_bucket(address: str) -> str:
    """Try a bucket, and say what is there. Raises `BadInput` where it cannot be used, with what mends it."""
    return Bucket(address).check()


def _check_environment(environment: Mapping[str, str]) -> None:
    """Refuse what would make the library panic. Raises `BadInput`."""
    for name, value in environment.items():
        if name.startswith("AWS_") and any(not "!" <= char <= "~" for char in value):
            raise BadInput("holds a space, or a character that no key or address has", field=name)
    endpoint = endpoint_of(environment)
    found = _ENDPOINT.fullmatch(endpoint or "http://none")
    if found is None or int(found["port"] or 0) > MAX_PORT:
        mend = "http://host:port or https://host:port"
        raise BadInput(f"{endpoint!r} is not the address of a server", field="AWS_ENDPOINT_URL", mend=mend)


def endpoint_of(environment: Mapping[str, str]) -> str | None:
    """Where the server is, as the environment says; None: Amazon's own."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((environment[name] for name in names if environment.get(name)), None)


def _first_line(error: Exception) -> str:
    """For people: the library's message without the answer's XML, the history of its tries and its insides."""
    line = str(error).split("\n", 1)[0].split("<?xml", 1)[0].strip().rstrip(":")
    return line.split(" - ", 1)[-1][:300]
