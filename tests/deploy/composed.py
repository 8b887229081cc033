"""The images that the tests build, and one project of compose.yaml in the engine that runs."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import toolbox_path
from tests.support import free_port, lacking

ROOT = Path(__file__).parents[2]
IMAGE = "upbench-test-app:local"
SECONDS = 240.0


@dataclass(frozen=True)
class Images:
    """Names of images: of the app, and of PostgreSQL."""

    app: str
    postgres: str


def build_images() -> Images:
    """Build what has changed of them: where the packages are there already, a matter of seconds."""
    script = [ROOT / "scripts" / "system" / "ensure-compose.sh"]
    made = subprocess.run(script, capture_output=True, text=True, check=False)
    if made.returncode == 3:
        lacking("docker-compose", made.stderr.strip()[-300:])
    assert made.returncode == 0, made.stderr
    packages, postgres = made.stdout.split()
    before = _image_id(IMAGE)
    build = ["docker", "build", "-q", "-f", "deploy/Dockerfile", "-t", IMAGE]
    arguments = ["--build-arg", f"BASE={packages}", "--build-arg", "TOOLBOX=no", "."]
    env = os.environ | {"DOCKER_BUILDKIT": "0"}
    built = subprocess.run([*build, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    if before and before != _image_id(IMAGE):  # the one before has no name now
        subprocess.run(["docker", "image", "rm", before], capture_output=True, check=False)
    # Of each wheel that was ever built, the classic builder keeps the image that built it.
    found = ["docker", "image", "ls", "-q", "--filter", "dangling=true", "--filter", "label=upbench.stage=wheel"]
    wheels = subprocess.run(found, capture_output=True, text=True, check=True).stdout.split()
    if wheels:
        subprocess.run(["docker", "image", "rm", *wheels], capture_output=True, check=False)
    return Images(IMAGE, postgres)


def _image_id(name: str) -> str:
    command = ["docker", "image", "inspect", "-f", "{{.Id}}", name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@dataclass
class Composed:
    """A project that is up.

    Attributes:
        name: Of the project; every container, network and volume of it bears it.
        env: What compose.yaml takes from the environment.
    """

    name: str
    env: dict[str, str] = field(default_factory=dict)

    def compose(self, *arguments: str, check: bool = True, seconds: float = SECONDS) -> str:
        """Run docker-compose, and give what it printed."""
        files = ["-f", "compose.yaml", "-f", "tests/deploy/override.yaml"]
        done = subprocess.run(
            ["docker-compose", "--ansi", "never", "-p", self.name, *files, *arguments],
            cwd=ROOT,
            env=os.environ | self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            logs = self.compose("logs", "--no-color", "--tail=30", check=False)
            raise AssertionError(f"{arguments}: {done.stdout[-2000:]} {done.stderr[-4000:]}\n{logs[-6000:]}")
        return done.stdout

    def upbench(self, *arguments: str) -> str:
        """A command of `upbench` in the web container, as a user would run it."""
        return self.compose("exec", "-T", "web", "upbench", *arguments)

    def json(self, *arguments: str) -> Any:
        """The same, with `--json`."""
        return json.loads(self.upbench(*arguments, "--json"))

    def sql(self, statement: str) -> list[str]:
        """The rows that a statement of the database's owner gives."""
        psql = ["psql", "-h", "/run/postgresql", "-U", "upbench", "-d", "upbench", "-Atc", statement]
        return self.compose("exec", "-T", "postgres", *psql).splitlines()

    def containers(self, service: str) -> list[dict[str, Any]]:
        """What the engine says of the containers of a service."""
        label = [f"label=com.docker.compose.{key}" for key in (f"project={self.name}", f"service={service}")]
        listing = ["docker", "ps", "-aq", "--filter", label[0], "--filter", label[1]]
        ids = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
        if not ids:
            return []
        found = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True)
        return list(json.loads(found.stdout))

    def wait(self, what: str, holds: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Until something holds."""
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                logs = self.compose("logs", "--no-color", "--tail=40", check=False)
                raise AssertionError(f"{what}: not within {seconds} s\n{logs[-8000:]}")
            time.sleep(0.3)


@contextmanager
def composed(images: Images, name: str, **env: str) -> Iterator[Composed]:
    """A project, down and without a trace when the block ends."""
    port = free_port(2)
    ports = {"UPBENCH_PORT": str(port), "UPBENCH_CONTENT_PORT": str(port + 1)}
    site = {"TEST_SITE": sysconfig.get_path("purelib"), "TEST_TOOLBOX": str(toolbox_path().parent)}
    ours = {"UPBENCH_IMAGE": images.app, "TEST_POSTGRES": images.postgres, "COMPOSE_HTTP_TIMEOUT": "120"}
    # What docker-compose 1.29 does not know of is said twice instead.
    no_paths = {"UPBENCH_SYSTEMPATHS": "no-new-privileges"}
    project = Composed(name, ports | site | ours | no_paths | env)
    try:
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "1", "--remove-orphans", check=False)


def open_to_all(folder: Path) -> None:
    """The user in the container is another one than ours."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
