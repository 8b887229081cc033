"""Multipart uploads that a killed process left in a bucket: invisible, and paid for, until they are aborted.

The library that moves the bytes neither lists nor aborts the uploads of others, so these two requests are signed
here (AWS Signature Version 4). They need a key in the environment; with a machine's role, or where the key may not
list uploads, a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`) does the same.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import httpx

from core.causes import Cause
from core.errors import StoreFault

_NOTHING = hashlib.sha256(b"").hexdigest()
_SECONDS = 30.0


@dataclass(frozen=True)
class Signer:
    """Signs requests without a body for S3.

    Attributes:
        token: Of a session, where the key belongs to one.
    """

    key: str
    secret: str
    region: str
    token: str | None = None

    def headers(
        self, method: str, url: str, query: Mapping[str, str], now: datetime | None = None
    ) -> dict[str, str]:
        """The headers that make the request at `url` (without its query) valid for a quarter of an hour."""
        at = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        parts = urlsplit(url)
        headers = {"host": parts.netloc, "x-amz-content-sha256": _NOTHING, "x-amz-date": at}
        if self.token:
            headers["x-amz-security-token"] = self.token
        names = ";".join(sorted(headers))
        lines = [method, parts.path or "/", query_string(query)]
        lines += [f"{name}:{headers[name]}" for name in sorted(headers)]
        request = "\n".join([*lines, "", names, _NOTHING])
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        secret = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        signature = hmac.new(secret, text.encode(), "sha256").hexdigest()
        credential = f"Credential={self.key}/{scope}"
        headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        return headers


def query_string(query: Mapping[str, str]) -> str:
    """A query as it is signed: sorted, everything but unreserved characters as `%XX`."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def abort_uploads(endpoint: str, bucket: str, prefix: str, signer: Signer, age: float) -> int:
    """Abort the uploads of keys below `prefix/` that were begun more than `age` seconds ago. Returns how many.

    Raises:
        StoreFault: The server does not answer, or refuses.
    """
    base = f"{endpoint.rstrip('/')}/{bucket}"
    aborted = 0
    try:
        with httpx.Client(timeout=_SECONDS) as client:
            for key, upload, begun in list(_uploads(client, base, prefix, signer)):
                if (datetime.now(UTC) - begun).total_seconds() >= age:
                    url = f"{base}/{quote(key, safe='/-_.~')}"
                    _send(client, "DELETE", url, {"uploadId": upload}, signer)
                    aborted += 1
    except httpx.HTTPStatusError as error:
        cause = Cause.store_refused if error.response.status_code in {401, 403, 404} else Cause.store_failed
        raise StoreFault(cause, f"unfinished uploads of {bucket}: status {error.response.status_code}") from error
    except (httpx.HTTPError, ElementTree.ParseError, KeyError, ValueError) as error:
        raise StoreFault(Cause.store_failed, f"unfinished uploads of {bucket}: {error!r}") from error
    return aborted


def _uploads(client: httpx.Client, base: str, prefix: str, signer: Signer) -> Iterator[tuple[str, str, datetime]]:
    """Key, upload id and beginning of each upload, page by page."""
    query = {"uploads": "", "prefix": f"{prefix}/" if prefix else ""}
    while True:
        answer = ElementTree.fromstring(_send(client, "GET", base, query, signer))  # noqa: S314 - our own bucket
        space = answer.tag.rpartition("}")[0]
        tag = f"{space}}}" if space else ""
        for one in answer.iter(f"{tag}Upload"):
            found = {child.tag.removeprefix(tag): child.text or "" for child in one}
            yield found["Key"], found["UploadId"], datetime.fromisoformat(found["Initiated"])
        if answer.findtext(f"{tag}IsTruncated") != "true":
            return
        query["key-marker"] = answer.findtext(f"{tag}NextKeyMarker") or ""
        query["upload-id-marker"] = answer.findtext(f"{tag}NextUploadIdMarker") or ""


def _send(client: httpx.Client, method: str, url: str, query: Mapping[str, str], signer: Signer) -> bytes:
    headers = signer.headers(method, url, query)
    answer = client.request(method, f"{url}?{query_string(query)}", headers=headers)
    if method != "DELETE" or answer.status_code != 404:  # somebody else aborted it
        answer.raise_for_status()
    return answer.content
