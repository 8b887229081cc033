"""What the agent tells its model besides prompt and task; all its words are part of its identity."""

from __future__ import annotations

from agents.protocol import Assignment, Expected, Remark, Rework
from agents.react.task import task_text
from sandbox import Network, NetworkPolicy

INTERRUPTED = (
    "The work was interrupted while this ran. It was not run again: it may have done all, some or nothing of what "
    "it should. Look at the files before you go on."
)
RESUMED = (
    "Notice: the work was interrupted and goes on now. /job is as it was; programs that ran in the background "
    "have ended, and /tmp is empty."
)
RESTORED = (
    "Notice: the work was interrupted and goes on now in another sandbox. /job was put back as it was after your "
    "last tool call that came to its end; programs that ran in the background have ended, and /tmp is empty."
)
NOT_KEPT = " This could not be put back: {what}."
UNRUN = "The attempt had ended before this was run."
CUT = "Your reply reached its length limit inside this call, so it was not run. Call again, in smaller pieces."
GO_ON = "Your reply reached its length limit. Go on, in shorter steps."
NUDGE = (
    "You have not handed in yet, and nobody will answer. Go on with your tools; when the deliverables are "
    "finished and checked, call `submit`."
)
HURRY = "Notice: {what}. See to it that /job/deliverables holds usable files, and submit in time."


def all_words() -> list[str]:
    """Every text of ours, the frame of the task too (as told of a full assignment and of a bare one)."""
    full = Assignment(
        key="k",
        title="T",
        brief="B",
        inputs=("i",),
        expected=(Expected(path="a", media_type="m"), Expected(path="b", required=False)),
        rubric="R",
        network=NetworkPolicy(mode=Network.allow, domains=("d.org",)),
        rework=Rework(
            previous_files=("p",),
            remarks=(Remark(criterion="c", text="t", places=("p",)), Remark(criterion=None, text="t")),
        ),
    )
    bare = full.model_copy(
        update={
            "inputs": (),
            "expected": (),
            "rubric": None,
            "rework": Rework(previous_files=(), remarks=(), continued=True),
            "network": NetworkPolicy(),
        }
    )
    wide = bare.model_copy(update={"network": NetworkPolicy(mode=Network.open), "rework": None})
    asked = [task_text(full), task_text(bare), task_text(wide)]
    return [*asked, INTERRUPTED, RESUMED, RESTORED, NOT_KEPT, CUT, GO_ON, NUDGE, HURRY, UNRUN]
