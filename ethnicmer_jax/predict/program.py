"""What the command does: opens the networks, predicts, prints, and writes the files."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import sys

from ethnicmer_jax import inference
from ethnicmer_jax.base import environment, files
from ethnicmer_jax.inference import Trained
from ethnicmer_jax.predict import output, terminal
from ethnicmer_jax.predict.outcomes import Outcomes
from ethnicmer_jax.predict.request import Request
from ethnicmer_jax.predict.run import run as predict


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
    target = output.folder(workdir, how.output, how.overwrite)
    trained = inference.open(workdir)
    outcomes = predict(trained, request)
    terminal.failed(outcomes)
    if not outcomes.seen:
        return outcomes.exit_code
    if how.report:
        page = _write_page(trained, outcomes, target)
    else:
        page = None
        with files.atomic_directory(target) as folder:
            output.write(outcomes, folder)
    if how.as_json:
        sys.stdout.write(output.text(outcomes))
    else:
        terminal.show(outcomes, target, page)
    return outcomes.exit_code


def _write_page(trained: Trained, outcomes: Outcomes, target: pathlib.Path) -> pathlib.Path:
    # Figures take a second to import.
    from ethnicmer_jax.predict import maps, page
    from ethnicmer_jax.report import html_page

    heat = maps.of(trained, outcomes.seen[: page.SHOWN], outcomes)
    simulated = trained.config.data.source == "simulated"
    document = page.build(outcomes, heat, environment.command(), simulated)
    return html_page.save(document, target, functools.partial(output.write, outcomes))
