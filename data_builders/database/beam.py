"""The pipeline on Apache Beam, for databases that need a cluster (extra `[beam]`).

Workers share the data directory: clips are computed into the same cache as by local
processes, so that a build may be stopped on one and resumed on the other.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import tensorflow_datasets as tfds

from data_builders.database import pipeline
from data_builders.database.cache import ClipCache
from data_builders.database.pipeline import BuildOptions, Job
from data_builders.sources.base import Problem
from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError

_IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
"""What DirectRunner ends up with, after it has looked for a newer one on the network."""


@dataclasses.dataclass(frozen=True)
class BeamRunner:
    """Where a Beam pipeline runs.

    Attributes:
      name: Beam's name of the runner, such as "DirectRunner" or "FlinkRunner".
      options: the runner's own command line options.

    Raises:
      UserError: Beam is not installed or has no such runner.
    """

    name: str
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            _beam().runners.create_runner(self._path)
        except (ValueError, ImportError) as error:
            raise UserError(f"no Beam runner {self.name!r} here: {error}") from error

    @property
    def _path(self) -> str:
        return _IN_PROCESS if self.name.lower() == "directrunner" else self.name

    def process(
        self, jobs: Sequence[Job], options: BuildOptions, cache: ClipCache
    ) -> tuple[Problem, ...]:
        """As `pipeline.process`, on Beam's workers."""
        beam = _beam()
        work = functools.partial(pipeline.fill, options=options, cache=cache)
        cache.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.folder) as folder:
            outcome = pathlib.Path(folder) / "problems.json"
            with beam.Pipeline(runner=self._path, options=self._options()) as graph:
                _ = (
                    graph
                    | "Clips" >> beam.Create(jobs)
                    | "Spread" >> beam.Reshuffle()
                    | "Compute" >> beam.Map(work)
                    | "Gather" >> beam.combiners.ToList()
                    | "Report" >> beam.Map(_write_problems, path=outcome)
                )
            found = {
                fields["where"]: Problem(**fields) for fields in json.loads(outcome.read_text())
            }
        return tuple(found[job.task.key] for job in jobs if job.task.key in found)

    def records(self, jobs: Sequence[Job], options: BuildOptions, cache: ClipCache) -> Any:
        """As `pipeline.records`, a `PTransform` for the TFDS builder."""
        beam = _beam()
        load = functools.partial(pipeline.record, options=options, cache=cache)
        return (
            "Clips" >> beam.Create(jobs) | "Spread" >> beam.Reshuffle() | "Load" >> beam.Map(load)
        )

    def download_config(self) -> tfds.download.DownloadConfig:
        """What makes TFDS write with this runner."""
        return tfds.download.DownloadConfig(beam_runner=self._path, beam_options=self._options())

    def _options(self) -> Any:
        return _beam().options.pipeline_options.PipelineOptions(list(self.options))


def _write_problems(outcomes: Sequence[tuple[str, Problem | None]], path: pathlib.Path) -> None:
    found = [dataclasses.asdict(problem) for _, problem in outcomes if problem is not None]
    files.write_json(path, found)


def _beam() -> Any:
    logging.getLogger("apache_beam").setLevel(logging.ERROR)  # it misses Google Cloud, aloud
    try:
        import apache_beam
    except ImportError as error:
        raise UserError(
            "Apache Beam is not installed: pip install 'ethnicmer_jax[beam]', or leave out --beam"
        ) from error
    return apache_beam
