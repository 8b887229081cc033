"""The events of a process, as messages. (The explicit types: a checker cannot find them through the union.)"""

from __future__ import annotations

from typing import Literal

from e2b.envd.process import process_pb as pb
from protobuf import Oneof

Stream = Literal["stdout", "stderr", "pty"]


def started(pid: int) -> pb.ProcessEvent:
    """The first event of every stream."""
    begun = pb.ProcessEvent.StartEvent(pid=pid)
    return pb.ProcessEvent(event=Oneof[Literal["start"], pb.ProcessEvent.StartEvent]("start", begun))


def written(stream: Stream, data: bytes) -> pb.ProcessEvent:
    """What it wrote."""
    if stream == "stdout":
        output = pb.ProcessEvent.DataEvent(output=Oneof[Literal["stdout"], bytes]("stdout", data))
    elif stream == "stderr":
        output = pb.ProcessEvent.DataEvent(output=Oneof[Literal["stderr"], bytes]("stderr", data))
    else:
        output = pb.ProcessEvent.DataEvent(output=Oneof[Literal["pty"], bytes]("pty", data))
    return pb.ProcessEvent(event=Oneof[Literal["data"], pb.ProcessEvent.DataEvent]("data", output))


def silent() -> pb.ProcessEvent:
    """Nothing happened for a while."""
    alive = pb.ProcessEvent.KeepAlive()
    return pb.ProcessEvent(event=Oneof[Literal["keepalive"], pb.ProcessEvent.KeepAlive]("keepalive", alive))


def ended(code: int, status: str) -> pb.ProcessEvent:
    """It ended: `code` as Python tells it, negative for a signal, which envd tells as -1."""
    end = pb.ProcessEvent.EndEvent(
        exit_code=max(code, -1), exited=code >= 0, status=status, error=status if code else None
    )
    return pb.ProcessEvent(event=Oneof[Literal["end"], pb.ProcessEvent.EndEvent]("end", end))
