"""What the command does: opens the networks, predicts, prints, and writes the files."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import sys
from collections.abc import Mapping

from ethnicmer_jax import inference
from ethnicmer_jax.base import environment, files
from ethnicmer_jax.inference import Trained
from ethnicmer_jax.predict import output, terminal
from ethnicmer_jax.predict.outcomes import Outcomes
from ethnicmer_jax.predict.request import Request
from ethnicmer_jax.predict.run import build_options
from ethnicmer_jax.predict.run import run as predict
from ethnicmer_jax.predict.spotting import tables
from ethnicmer_jax.predict.spotting.intervals import Spotted
from ethnicmer_jax.predict.spotting.spotter import Spotter


@dataclasses.dataclass(frozen=True)
class How:
    """What is to be made of the outcomes.

    Attributes:
      output: folder of the files; None for a new one in the work directory.
      overwrite: whether predictions that are there may be replaced.
      report: whether a page is written, too.
      as_json: whether JSON is printed in place of the table.
    """

    output: pathlib.Path | None = None
    overwrite: bool = False
    report: bool = False
    as_json: bool = False


def run(workdir: pathlib.Path, request: Request, how: How) -> int:
    """Predicts, prints and writes.

    Returns:
      The exit code, see `Outcomes.exit_code`.

    Raises:
      UserError: anything that the user can mend, but what is wrong with single inputs.
    """
    with output.folder(workdir, how.output, how.overwrite) as target:
        return _predict(workdir, request, how, target)


def _predict(workdir: pathlib.Path, request: Request, how: How, target: pathlib.Path) -> int:
    trained = inference.open(workdir)
    found: Mapping[str, Spotted] = {}
    if isinstance(request.cutter, Spotter):
        detector = build_options(trained.config, request.detector).detector
        request.cutter.detector = request.cutter.detector or detector
        found = request.cutter.found  # filled while inputs are read
    outcomes = predict(trained, request)
    terminal.failed(outcomes)
    if not outcomes.seen and not found:
        return outcomes.exit_code
    page = None
    if how.report and outcomes.seen:
        page = _write_page(trained, outcomes, found, target)
    else:
        with files.atomic_directory(target) as folder:
            _write(outcomes, found, folder)
    if how.as_json:
        sys.stdout.write(output.text(outcomes))
    else:
        terminal.show(outcomes, target, page, found)
    if not outcomes.seen and not outcomes.failures:
        return 0  # nothing was found in recordings that could be looked at
    return outcomes.exit_code


def _write(outcomes: Outcomes, found: Mapping[str, Spotted], folder: pathlib.Path) -> None:
    if outcomes.seen:
        output.write(outcomes, folder)
    if found:
        tables.write(found, folder)


def _write_page(
    trained: Trained, outcomes: Outcomes, found: Mapping[str, Spotted], target: pathlib.Path
) -> pathlib.Path:
    # Figures take a second to import.
    from ethnicmer_jax.predict import maps, page
    from ethnicmer_jax.predict.spotting.page import section
    from ethnicmer_jax.report import html_page

    heat = maps.of(trained, outcomes.seen[: page.SHOWN], outcomes)
    candidates = section(found) if found else None
    document = page.build(outcomes, heat, environment.command(), candidates)
    return html_page.save(document, target, functools.partial(_write, outcomes, found))
