"""Settings: `upbench.toml`, then environment `UPBENCH_*`, then flags; each overrides what comes before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from core import BadInput, parse_model
from grading import OidcSettings, Reviewing, ReviewSettings
from rubrics import TomlDocument
from runs import RunOptions
from sandbox import ProviderOptions

FILE_NAME = "upbench.toml"


class Settings(ProviderOptions):
    """What a project may set, the options of the sandbox providers among it.

    Attributes:
        home: Folder of the project's data, relative to the project folder.
        sandbox: Default provider.
        concurrency: Trials at one time.
        executions: How often one attempt may be executed, the first time included (only faults of the harness
            or the infrastructure are executed again).
        pause_seconds: Before the second execution of an attempt; doubled before each further one.
        snapshots: Keep `/job` after each call that changed it, so that another machine can go on; None: where the
            database is PostgreSQL.
        keep_workspaces: Keep `/job` of finished attempts.
        keep_rounds_days: How long the durable engine keeps rounds that have ended; the records stay for ever.
        prices: A TOML file of prices that overrides the shipped table.
        database: Address of a PostgreSQL database (`postgresql://user@host/name`) for many workers; None: a SQLite
            file among the project's data.
        blobs: `s3://bucket/prefix` for many machines (endpoint and keys from the AWS_* environment); None: a
            folder among the project's data.
        local_blobs_gb: With `blobs`: gigabytes of local copies that are kept on this machine; those unused for
            longest go first. What was used within the last hour stays.
        reviewing: How submissions of runs that are begun from now on are reviewed; a table of the file, in which
            `primary` is called `reviewers`.
        review: Serving the review app to people on other machines; a table of the file.
        oidc: The identity provider that vouches for people; a table of the file. None: there is none.
        project: The project folder itself; not to be set in the file.
    """

    home: Path = Path(".upbench")
    sandbox: str = "bwrap"
    concurrency: int = Field(default=4, ge=1, le=512)
    executions: int = Field(default=2, ge=1, le=10)
    pause_seconds: float = Field(default=10.0, ge=0, le=3600)
    snapshots: bool | None = None
    keep_workspaces: bool = False
    keep_rounds_days: float = Field(default=30.0, ge=1, le=36500)
    prices: Path | None = None
    database: str | None = Field(default=None, pattern=r"^postgresql://")
    blobs: str | None = Field(default=None, pattern=r"^s3://[^/]+")
    local_blobs_gb: float = Field(default=50.0, ge=0.01, le=1e6)
    reviewing: Reviewing = Reviewing()
    review: ReviewSettings = ReviewSettings()
    oidc: OidcSettings | None = None
    project: Path = Path()

    @field_validator("home", "prices", mode="before")
    @classmethod
    def _a_path(cls, value: object) -> object:
        if isinstance(value, str) and (not value or "\0" in value):
            raise ValueError("is empty or holds a NUL")
        return value

    @field_validator("reviewing", mode="before")
    @classmethod
    def _as_flags_are_called(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        if "primary" in value:
            raise ValueError("`primary` is called `reviewers` here")
        return {{"reviewers": "primary"}.get(name, name): one for name, one in value.items()}

    @property
    def options(self) -> ProviderOptions:
        """The choices for sandbox providers."""
        return ProviderOptions(**{name: getattr(self, name) for name in ProviderOptions.model_fields})

    @property
    def run_options(self) -> RunOptions:
        """How runs are executed unless somebody says otherwise."""
        return RunOptions(
            concurrency=self.concurrency,
            executions=self.executions,
            pause_seconds=self.pause_seconds,
            snapshots=self.database is not None if self.snapshots is None else self.snapshots,
            reviewing=self.reviewing,
        )

    @property
    def state(self) -> Path:
        """Absolute path of the project's data folder."""
        return (self.project / self.home).absolute()


def load_settings(project: str | Path | None = None, **flags: Any) -> Settings:
    """The settings of a project folder (default: the current one). Flags that are None do not count.

    Raises:
        BadInput: The folder is missing, or the file, an environment variable or a flag is wrong.
    """
    folder = Path(project) if project is not None else Path()
    if not os.path.isdir(folder):  # `Path.is_dir` raises for names that no file can have
        shown = str(folder)[:200]
        raise BadInput("no such folder", file=shown, field="--project", mend="make it, or name another")
    values: dict[str, Any] = {}
    file = folder / FILE_NAME
    if file.exists() or file.is_symlink():
        document = TomlDocument(file)
        values = document.data
        if "project" in values:
            raise document.fault("cannot be set in the file", ("project",), mend="use the flag --project")
        document.parse(Settings)
    for name in Settings.model_fields:
        text = os.environ.get(f"UPBENCH_{name.upper()}")
        if text and name not in (
            "project",
            "reviewing",
            "review",
            "oidc",
        ):  # tables have no form in the environment
            values[name] = text
            parse_model(Settings, {name: text}, file=Path(f"environment UPBENCH_{name.upper()}"))
    values |= {name: value for name, value in flags.items() if value is not None}
    return parse_model(Settings, values | {"project": folder}, file=Path("settings"))
