"""`upbench jobs`: list, show and validate job packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from upbench.cli.output import emit, json_option

if TYPE_CHECKING:
    from jobs import Job, JobPack


@click.group()
def command() -> None:
    """List, show and validate job packs.

    Example: upbench jobs list starter
    """


@command.command(name="list", epilog="Example: upbench jobs list starter")
@click.argument("pack", required=False)
@json_option
def list_jobs(pack: str | None, as_json: bool) -> None:
    """List the jobs of PACK (a folder, or the name of a built-in pack); without PACK, of every built-in one."""
    from jobs import builtin_packs, load_pack

    packs = [load_pack(name) for name in ([pack] if pack is not None else builtin_packs())]
    body = {"packs": [_pack_row(item) for item in packs]}
    emit(body, "\n\n".join(map(_listed, packs)) or "no built-in packs", as_json=as_json)


@command.command(epilog="Example: upbench jobs show starter/JOB")
@click.argument("job", metavar="PACK/JOB")
@json_option
def show(job: str, as_json: bool) -> None:
    """Show a job: what the client wrote, what the agent gets, and how it will be graded."""
    from jobs import find_job

    found = find_job(job)
    emit(found.describe(), _shown(found), as_json=as_json)


@command.command(epilog="Example: upbench jobs validate starter")
@click.argument("pack")
@click.option("--job", "jobs", multiple=True, metavar="ID", help="Only this job (repeatable).")
@click.option("--concurrency", type=click.IntRange(1, 512), help="Trials at one time.")
@json_option
@click.pass_context
def validate(ctx: click.Context, pack: str, jobs: tuple[str, ...], concurrency: int | None, as_json: bool) -> int:
    """Lint the rubrics of PACK, and run the nop agent (must complete nothing) and the oracle (must complete all).

    Exit code 1 if the pack is not as it must be.
    """
    from upbench.settings import load_settings
    from upbench.validate import validate_pack

    settings = load_settings(ctx.obj["project"])
    result = validate_pack(pack, settings=settings, jobs=jobs, concurrency=concurrency)
    lines = [
        *(
            f"{item.job}: {item.level}: {item.criterion or '(rubric)'}: {item.rule}: {item.message}"
            for item in result.lint
        ),
        *(f"oracle: {wrong}" for wrong in result.oracle.wrong),
        f"{result.jobs} jobs, {result.checked} criteria with a check, {result.unchecked} without (left out here)",
        f"nop completed {result.nop.completed} of {result.nop.trials}, "
        f"oracle {result.oracle.completed} of {result.oracle.trials}",
        "valid" if result.ok else "not valid",
    ]
    emit(result, "\n".join(lines), as_json=as_json)
    return 0 if result.ok else 1


def _pack_row(pack: JobPack) -> dict[str, object]:
    return {**pack.info.model_dump(mode="json", exclude={"canary"}), "jobs": [_job_row(job) for job in pack.jobs]}


def _job_row(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "title": job.title,
        "category": list(job.category),
        "payout": job.payout.model_dump(mode="json"),
        "criteria": len(job.rubric.criteria),
        "checked": sum(item.check is not None for item in job.rubric.criteria),
        "inputs": len(job.inputs),
        "input_bytes": sum(item.size for item in job.inputs),
    }


def _listed(pack: JobPack) -> str:
    rows = [
        (job.id, str(job.payout), f"{len(job.rubric.criteria)} criteria", job.category[0], job.title)
        for job in pack.jobs
    ]
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [f"{pack.name} {pack.version}: {len(pack.jobs)} jobs, {pack.info.licence}"]
    for name, payout, criteria, category, title in rows:
        lines.append(
            f"  {name:{wide[0]}}  {payout:>{wide[1]}}  {criteria:>{wide[2]}}  {category:{wide[3]}}  {title}"
        )
    return "\n".join(lines)


def _shown(job: Job) -> str:
    facts = job.facts
    lines = [
        job.title,
        f"{job.key}  |  {' > '.join(job.category)}  |  {job.payout}"
        + (f"  |  {facts.expertise_tier}" if facts.expertise_tier else ""),
        "",
        job.brief.strip(),
        "",
        "Attachments",
        *(f"  {item.path}  ({item.size:,} bytes)" for item in job.inputs),
        *(["  none"] if not job.inputs else []),
        "",
        "To be handed in",
        *(f"  {item.path}" + ("" if item.required else "  (optional)") for item in job.deliverables),
        *(["  not declared"] if not job.deliverables else []),
        "",
        "Rubric",
        *(
            f"  {item.importance.value:9}  {item.id}: {item.text}"
            + (f"  [check: {item.check.kind}{', decides' if item.decides else ''}]" if item.check else "")
            for item in job.rubric.criteria
        ),
        "",
        f"task digest     {job.task_digest}",
        f"grading digest  {job.grading_digest}",
    ]
    return "\n".join(lines)
