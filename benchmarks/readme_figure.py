"""The README's figure: the study's own-group advantage and what its controls measured.

    python -m benchmarks.readme_figure [--study=DIR]

draws docs/figures/advantage-light.svg and -dark.svg from the numbers in docs/figures/advantage.csv,
which are those of docs/results.md. `--study` takes the numbers from the report of a study's
work directory first.
"""

from __future__ import annotations

import pathlib

import pandas as pd
from absl import flags

from ethnicmer_jax.base import cli, files
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.report import figures, style

FIGURES = pathlib.Path("docs/figures")
COLUMNS = ["section", "label", "estimate", "low", "high"]


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("study", "", "Work directory of a finished study.")
    flags.DEFINE_string("output", str(FIGURES), "Folder of the numbers and both drawings.")


def main() -> None:
    """Draws both."""
    folder = pathlib.Path(flags.FLAGS.output)
    numbers = folder / "advantage.csv"
    if flags.FLAGS.study:
        found = of_study(pathlib.Path(flags.FLAGS.study))
        files.write_table(numbers, found, float_format="%.3f")
    if not numbers.is_file():
        raise UserError(f"there is no {numbers}; --study=DIR makes it from a study's report")
    light, dark = drawn(pd.read_csv(numbers))
    files.write_text(folder / "advantage-light.svg", light)
    files.write_text(folder / "advantage-dark.svg", dark)


def of_study(directory: pathlib.Path) -> pd.DataFrame:
    """The advantages that a study's report shows: the question, then its controls."""
    tables = directory / "report" / "tables"
    try:
        asked = pd.read_csv(tables / "advantages.csv")
        controls = pd.read_csv(tables / "control_estimates.csv")
    except FileNotFoundError as error:
        raise UserError(f"{directory} has no report of a finished study: {error}") from None
    # A contrast within a database is in both tables.
    measured = pd.concat([asked.iloc[1:], controls[controls["section"] == asked["section"][0]]])
    measured = measured.drop_duplicates("label").assign(section="Its controls")
    return pd.concat([asked.iloc[:1].assign(section="The question"), measured])[COLUMNS]


def drawn(rows: pd.DataFrame) -> tuple[str, str]:
    """The forest plot as SVG, for light and for dark pages."""
    light = figures.forest(
        rows,
        name="advantage",
        caption="",
        xlabel="own-group advantage in UF1",
        references={"no advantage": 0.0},
        signed=True,
    ).svg
    return light, light.replace(style.INK, style.DARK_INK)


if __name__ == "__main__":
    define_flags()
    cli.run(main)
