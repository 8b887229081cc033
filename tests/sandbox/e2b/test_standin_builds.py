"""Building templates with the real SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2b import AsyncSandbox, AsyncTemplate, BuildException, LogEntry, Template

from tests.standins.e2b import E2BCloud


async def test_a_template_is_built_step_by_step(e2b_cloud: E2BCloud, tmp_path: Path) -> None:
    (tmp_path / "tools" / "sub").mkdir(parents=True)
    (tmp_path / "tools" / "sub" / "tool").write_text("#!/bin/sh\necho worked\n")
    (tmp_path / "tools" / "sub" / "tool").chmod(0o755)
    (tmp_path / "one").write_text("1")
    wanted = (
        Template(file_context_path=tmp_path)
        .from_base_image()
        .copy("tools", "/opt/tools", user="root")
        .copy("one", "/home/user/uno")
        .set_envs({"TOOLS": "/opt/tools"})
        .run_cmd("echo agent:x:1700:1700::/job:/bin/sh >> /etc/passwd", user="root")
        .run_cmd("mkdir -p /job && chown 1700:1700 /job && ln -s /opt/tools /job/link", user="root")
        .set_workdir("/srv/made")
        .run_cmd("pwd > /tmp/pwd; id -un >> /tmp/pwd")
    )
    logged: list[LogEntry] = []
    assert not await AsyncTemplate.exists("built", **e2b_cloud.options)
    built = await AsyncTemplate.build(wanted, "built", on_build_logs=logged.append, **e2b_cloud.options)
    assert await AsyncTemplate.exists("built", **e2b_cloud.options)
    assert any("RUN echo agent" in entry.message for entry in logged)
    for name in ("built", built.template_id):
        box = await AsyncSandbox.create(name, **e2b_cloud.options)
        line = (
            "$TOOLS/sub/tool; cat ~/uno /tmp/pwd; stat -c '%U %a %n' /opt/tools/sub/tool /home/user/uno /job /tmp"
        )
        assert (await box.commands.run(line)).stdout.splitlines() == [
            "worked",
            "1/srv/made",
            "user",
            "root 755 /opt/tools/sub/tool",
            "user 644 /home/user/uno",
            "agent 755 /job",
            "root 1777 /tmp",
        ]
        assert (
            await box.commands.run("cd /job && touch mine && readlink link", user="agent")
        ).stdout == "/opt/tools\n"
    assert len(e2b_cloud.sandboxes) == 2


async def test_one_template_upon_another(e2b_cloud: E2BCloud) -> None:
    first = Template().from_base_image().run_cmd("echo first > /home/user/who").set_envs({"A": "1"})
    await AsyncTemplate.build(first, "first", **e2b_cloud.options)
    second = Template().from_template("first").run_cmd("echo second >> /home/user/who")
    await AsyncTemplate.build(second, "second", **e2b_cloud.options)
    box = await AsyncSandbox.create("second", **e2b_cloud.options)
    assert (await box.commands.run("cat who; echo $A")).stdout == "first\nsecond\n1\n"


async def test_a_step_that_fails(e2b_cloud: E2BCloud) -> None:
    wanted = Template().from_base_image().run_cmd("true").run_cmd("echo why >&2; exit 3")
    with pytest.raises(BuildException, match="why"):
        await AsyncTemplate.build(wanted, "never", **e2b_cloud.options)
    assert not await AsyncTemplate.exists("never", **e2b_cloud.options)
    assert not e2b_cloud.sandboxes
