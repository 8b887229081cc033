"""Makes what all others need: the bucket and the tables. May be run again at any time.

Address, folder and keys come from the same environment as those of `upbench` itself.
"""

from __future__ import annotations

import os
import sys
import time

import httpx

from core import BadInput, UpBenchError
from core.store.unfinished import Signer
from upbench.home import open_home
from upbench.settings import load_settings

SECONDS = 120.0
THERE = (200, 409)  # made now, or by somebody before


def make_bucket(name: str, endpoint: str) -> None:
    """Make the bucket where it is not there; waits for a server that is about to start."""
    signer = Signer(
        os.environ["AWS_ACCESS_KEY_ID"],
        os.environ["AWS_SECRET_ACCESS_KEY"],
        os.environ.get("AWS_REGION", "us-east-1"),
    )
    url = f"{endpoint.rstrip('/')}/{name}"
    until = time.monotonic() + SECONDS
    while True:
        try:
            found = httpx.head(url, headers=signer.headers("HEAD", url, {}), timeout=10)
            if found.status_code == 404:
                found = httpx.put(url, headers=signer.headers("PUT", url, {}), timeout=30)
            if found.status_code in THERE:
                return
            said = f"status {found.status_code} {found.text[:200]}"
            lasting = 400 <= found.status_code < 500
        except httpx.HTTPError as error:
            said, lasting = f"{type(error).__name__} {error}", False
        if lasting or time.monotonic() > until:
            raise BadInput(f"the bucket {name} cannot be made: {said}", file=url)
        time.sleep(1)


def main() -> int:
    """The exit code."""
    try:
        settings = load_settings()
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if settings.blobs and endpoint:
            make_bucket(settings.blobs.removeprefix("s3://").split("/")[0], endpoint)
        home = open_home(settings)
        if settings.blobs:
            home.blobs.check()
        home.close()
    except UpBenchError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return error.exit_code
    print("bucket and tables are there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
