"""One database from one source: listed, computed, packaged; reused where it is there already."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Sequence

from data_builders.database import card, croissant, package, pipeline, problems
from data_builders.database.beam import BeamRunner
from data_builders.database.cache import ClipCache, fingerprint
from data_builders.database.card import BuildReport
from data_builders.database.pipeline import BuildOptions, Job
from data_builders.ethnic_me.ethnic_me_dataset_builder import EthnicMeConfig
from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import registry
from data_builders.sources.base import GivenFlow, Listing, Problem
from data_builders.sources.registry import Request
from ethnicmer_jax.base import files, progress, sums
from ethnicmer_jax.base.schema import UserError

_METADATA = "metadata.json"  # written by TFDS


def ensure(
    source: str,
    raw: str,
    data_dir: pathlib.Path,
    options: BuildOptions | None = None,
    simulated: SimulatedOptions | None = None,
    ethnicity: pathlib.Path | None = None,
    allow_outside: bool = False,
    runner: BeamRunner | None = None,
) -> pathlib.Path:
    """Builds a database unless it is there already.

    The database's name contains a fingerprint of its clips, labels and options:
    other inputs make another database beside it.

    Args:
      source: names of `registry.SOURCES` joined by +.
      raw: see `registry.places`; "" for `simulated`.
      data_dir: the TFDS data directory.
      options: how clips are computed.
      simulated: what the source `simulated` shows; None for the defaults.
      ethnicity: table of ethnicities; None for the one beside the raw data, if any.
      allow_outside: whether paths in a manifest may lead out of its folder.
      runner: the Beam runner to build with; None builds with local processes.

    Returns:
      The TFDS directory of the built version, for `ethnicmer_jax.dataset.load`.

    Raises:
      UserError: the raw data cannot be used; nothing was written.
    """
    options = options or BuildOptions()
    listing = registry.list_clips(Request(source, raw, simulated, ethnicity, allow_outside))
    _refuse(listing.problems, fatal_refused=False, strict=options.strict)
    if not listing.tasks:
        raise UserError(_no_clips(listing.problems, raw))
    plan = _Plan(source, raw, listing, pipeline.jobs(listing.tasks, options), options)
    database = package.directory(data_dir, plan.name)
    if not package.is_complete(database):  # asked first: it may lie on a disk that only reads
        with package.only_builder(data_dir, plan.name):
            if not package.is_complete(database):
                _build(plan, data_dir, runner)
    if options.strict:
        _refuse_reported(database)
    return database


def set_aside(data_dir: pathlib.Path, database: pathlib.Path, summed: bool) -> None:
    """Renames a database that could not be read, so that `ensure` builds it again.

    Args:
      data_dir: the TFDS data directory.
      database: what `ensure` has returned.
      summed: whether its sums say that it is damaged; another process may have built it again
        meanwhile.
    """
    with package.only_builder(data_dir, database.parent.name):
        if database.exists() and (not summed or package.is_damaged(database)):
            package.set_aside(database)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Everything that a database follows from."""

    source: str
    raw: str
    listing: Listing
    jobs: Sequence[Job]
    options: BuildOptions

    @functools.cached_property
    def fingerprint(self) -> str:
        labels = [job.task.labels for job in self.jobs]
        return fingerprint(labels, [job.key for job in self.jobs], self.options.identity())

    @property
    def name(self) -> str:
        """Legal as the name of a TFDS config, which may not hold a +."""
        return f"{'_'.join(registry.names(self.source))}-{self.fingerprint[:12]}"


def _build(plan: _Plan, data_dir: pathlib.Path, runner: BeamRunner | None) -> None:
    cache = ClipCache(data_dir / ".clips")
    steps = runner or pipeline
    found = steps.process(plan.jobs, plan.options, cache)
    flows = {job.task.key for job in plan.jobs if isinstance(job.task.motion, GivenFlow)}
    _refuse(
        [problem for problem in found if problem.where in flows],
        fatal_refused=True,
        strict=plan.options.strict,
    )
    _refuse(found, fatal_refused=False, strict=plan.options.strict)
    everything = (*plan.listing.problems, *found)
    lost = {problem.where for problem in found if problem.fatal}
    jobs = [job for job in plan.jobs if job.task.key not in lost]
    if not jobs:
        raise UserError(_no_clips(everything, plan.raw))
    report = _report(plan, jobs, everything)
    cropped = any(not isinstance(job.task.motion, GivenFlow) for job in jobs)
    geometry = plan.options.faces().geometry if cropped else None
    config = EthnicMeConfig(
        name=plan.name,
        description=f"{len(jobs)} clips from the source {plan.source}.",
        clips=steps.records(jobs, plan.options, cache),
        flow_size=plan.options.flow_size,
        metadata={
            "options": report.options,
            "crop": dataclasses.asdict(geometry) if geometry else None,
            "notes": report.notes,
            "reported": report.reported,
            "left_out": report.left_out,
        },
    )
    download_config = runner.download_config() if runner else None
    package.write(data_dir, config, lambda folder: _describe(folder, report), download_config)
    _tell(everything, plan.listing.notes)


def _describe(directory: pathlib.Path, report: BuildReport) -> None:
    files.write_text(directory / card.FILE_NAME, card.render(report))
    croissant.describe(directory, report.tasks, report.name)


def _report(plan: _Plan, jobs: Sequence[Job], found: Sequence[Problem]) -> BuildReport:
    """What the card tells; without the paths of this machine."""
    roots = registry.places(plan.source, plan.raw).values()
    prefixes = [f"{root.parent if root.is_file() else root}/" for root in roots]
    notes = [*plan.listing.notes, *_alike(jobs)]

    def lines(items: Iterable[object]) -> list[str]:
        texts = map(str, items)
        return [functools.reduce(lambda text, p: text.replace(p, ""), prefixes, t) for t in texts]

    return BuildReport(
        name=plan.name,
        fingerprint=plan.fingerprint,
        tasks=[job.task for job in jobs],
        options={"source": plan.source, **plan.options.identity()},
        notes=lines(notes),
        reported=lines(problem for problem in found if not problem.fatal),
        left_out=lines(problem for problem in found if problem.fatal),
    )


def _alike(jobs: Sequence[Job]) -> list[str]:
    """Clips of identical pixels: one in training would give away the other in the test."""
    clips: dict[str, list[str]] = {}
    for job in jobs:
        clips.setdefault(job.key, []).append(job.task.key)
    return [f"same pixels: {', '.join(same)}" for same in clips.values() if len(same) > 1]


def _refuse(found: Sequence[Problem], *, fatal_refused: bool, strict: bool) -> None:
    refused = [
        problem
        for problem in found
        if strict or problem.refused or (fatal_refused and problem.fatal)
    ]
    if refused:
        raise UserError(problems.summary(refused, "nothing was built"))


def _refuse_reported(database: pathlib.Path) -> None:
    """An existing database may have been built without `strict`."""
    metadata = files.read_json(database / _METADATA)
    kept = [metadata.get(name) for name in ("left_out", "reported")]
    if not all(isinstance(lines, list) for lines in kept):
        mend = f"delete {database} and build it again"
        raise sums.DamagedError(database / _METADATA, "says nothing of what was left out", mend)
    if lines := [str(line) for lines in kept for line in lines]:
        raise UserError(problems.summary(lines, f"{database} was built in spite of them"))


def _no_clips(found: Sequence[Problem], raw: str) -> str:
    if not found:
        return f"{raw} has no clip"
    return problems.summary(found, "no clip can be used")


def _tell(found: Sequence[Problem], notes: Sequence[str]) -> None:
    lost = [problem for problem in found if problem.fatal]
    kept = [problem for problem in found if not problem.fatal]
    lines = list(notes)
    if lost:
        lines.append(problems.summary(lost, f"{len(lost)} left out"))
    if kept:
        lines.append(problems.summary(kept, "clips kept"))
    for line in lines:
        progress.say(line)
