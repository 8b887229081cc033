"""What a user may choose of a provider: provenance of a trial, never its identity."""

from __future__ import annotations

from pydantic import Field

from core import Frozen


class ProviderOptions(Frozen):
    """Choices for the built-in providers; each ignores the others'.

    Attributes:
        docker_runtime: A runtime that the engine knows, such as `runsc` (gVisor); None: the engine's default.
        docker_image: Another image than our own, by name or digest; it must hold our supervisor and toolbox.
        e2b_template: Name or id of the template; None: the one that is named after our toolbox.
        e2b_creations_per_second: At most so many sandboxes are asked for a second.
    """

    docker_runtime: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$")
    docker_image: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,250}$")
    e2b_template: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,120}$")
    e2b_creations_per_second: float = Field(default=1.0, ge=0.01, le=1000)  # rarer: never in time
