"""Keeps the folder of the blobs in order: local copies of a bucket take no more than their room."""

from __future__ import annotations

import logging
import os
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

from core import again_and_again, in_thread
from upbench.home import Home

PAUSE_SECONDS = 600.0
GIGABYTE = 1e9

_log = logging.getLogger("upbench.blobs")


def keeping_blobs(home: Home, *, pause_seconds: float = PAUSE_SECONDS) -> AbstractAsyncContextManager[None]:
    """Within the block the local folder of the blobs is looked after, at once and then every ten minutes.

    A bucket that does not answer is asked again ten minutes later.
    """
    return again_and_again(
        lambda: in_thread(keep_once, home),
        pause_seconds,
        lambda fault: _log.warning("the blobs here are put in order later: %s", fault),
    )


def keep_once(home: Home) -> int:
    """Remove what dead processes left on its way and, with a bucket, local copies beyond `local_blobs_gb`.

    Copies that were used within the last hour stay, and so does what the bucket has not.

    Returns:
        Bytes of the copies removed.

    Raises:
        StoreFault: The bucket does not answer, or the disk cannot be written.
    """
    home.blobs.clean()
    if home.settings.blobs is None:  # then what is here is all there is
        return 0
    removed = home.blobs.trim(round(home.settings.local_blobs_gb * GIGABYTE))
    if removed:
        _log.info("local copies of %.3g GB that the bucket has are removed", removed / GIGABYTE)
    return removed


def local_gigabytes(folder: Path) -> float:
    """Gigabytes of the blobs below a folder; 0 where there is none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # it went meanwhile
                total += os.lstat(os.path.join(place, name)).st_size
    return total / GIGABYTE
