"""Searching what was reviewed for the names of those who made it."""

from __future__ import annotations

from grading import Maker, search_names
from runs import Records, RunConfig, agents_of
from upbench.home import Home


def search_reviewed(home: Home, run_id: str) -> int:
    """Search what people have begun to review of a run since the last time; returns how many submissions.

    Whoever writes lines of a run does so first, so that those by people say whether they could know whose work it
    was. It takes some milliseconds a file, once.

    Args:
        home: The project.
        run_id: Whole id of the run.
    """
    config = Records(home.database).run(run_id).config
    makers = {agent.name: maker_of(config, agent.name) for agent in config.agents}
    attempts = agents_of(home.database, run_id)
    return search_names(home.database, home.blobs, {attempt: makers[agent] for attempt, agent in attempts.items()})


def maker_of(config: RunConfig, agent: str) -> Maker:
    """The names by which an agent's work would give it away: its own, and its model's."""
    chosen = config.agent(agent)
    model = [] if chosen.model is None or chosen.scripted else [chosen.model.model]
    return {"agent": [chosen.name], "model": model}
