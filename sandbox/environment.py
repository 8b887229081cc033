"""The environment of commands in every sandbox, whatever the provider."""

from __future__ import annotations


def environment(python: str | None) -> dict[str, str]:
    """The small environment of commands; `python` is the folder of the Python inside, None for the system's."""
    found = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "HOME": "/tmp",  # noqa: S108
        "USER": "agent",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPATH": "/opt/toolbox",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108
        "MPLBACKEND": "Agg",
        "XDG_CACHE_HOME": "/tmp/.cache",  # noqa: S108
    }
    if python:
        found["PATH"] = f"{python}/bin:{found['PATH']}"
        # It looks for its library where it was installed, and would find the system's of the same version.
        found["LD_LIBRARY_PATH"] = f"{python}/lib"
    return found
