"""What the processes of the kill matrix do, each forked from `tests.runs.zygote`."""

from __future__ import annotations

import sys

from tests.runs.kills.points import install


def upbench(*arguments: str) -> None:
    """The command line."""
    from upbench.cli.main import main

    install()
    sys.argv = ["upbench", *arguments]
    main()


def hand_over(pack: str, model: str) -> int:
    """Begin a run for workers to execute, or go on with beginning one; two trials."""
    from upbench.bench import Bench
    from upbench.order import Order

    install()
    bench = Bench()
    runs = bench.runs()
    if runs:
        place = bench.reopen(runs[0].id, execute=False)
    else:
        place = bench.begin(Order(pack=pack, agents=("react",), models=(model,)), detached=True)
    bench.hand_over(place)
    return 0
