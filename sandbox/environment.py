"""The environment of commands in every sandbox, whatever the provider."""

from __future__ import annotations


def environment(python_folder: str | None) -> dict[str, str]:
    """The small environment of a sandbox's commands."""
    places = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    return {
        "PATH": f"{python_folder}:{places}" if python_folder else places,
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
