"""Tables as LaTeX: any text survives, wide and long ones fit, and all of it compiles."""

import latex_tables
import pandas as pd

from ethnicmer_jax.report import columns, latex
from ethnicmer_jax.report.tables import Table

HOSTILE = r"""a_b & {c} 100% $x$ #1 ~ ^ < > | \ "q" − → × ± ≤ ≥ · ² ³ – … “x” ’"""


def of(rows, header=("Name", "UF1 [95% interval]"), numeric=(False, True), caption="c"):
    return latex.table("name_1", caption, header, numeric, rows)


def test_every_character_is_escaped_in_captions_headers_and_cells(tmp_path):
    texts = [of([[HOSTILE, ".7"]], (HOSTILE, "x"), caption=HOSTILE), of([]), of([["[a]", "*"]])]
    texts += [of([["x", "[.1, .2]"], ["*y", "–"]])]
    paths = [tmp_path / f"{number}.tex" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        latex_tables.check_well_formed(text)
        path.write_text(text)
    latex_tables.compile_all(paths, tmp_path)


def test_wide_and_long_tables_fit_the_page(tmp_path):
    """A class for each of 20 emotions, a sentence in a cell, 300 rows."""
    classes = [f"emotion{number}" for number in range(20)]
    frame = pd.DataFrame({"name": ["CASME II"], "said": ["every word of it " * 12]}).assign(
        **dict.fromkeys(classes, 0.5)
    )
    shown = (
        columns.text("Database", "name"),
        *(columns.number(name.capitalize(), name) for name in classes),
        columns.text("Said", "said"),
    )
    long = pd.concat([frame] * 300)
    tables = {
        "wide": Table("wide", "Many classes", frame, shown),
        "long": Table("long", "Many rows", long, shown[:4]),
        "words": Table("words", "Sentences", long, (shown[0], shown[-1])),
    }
    paths = []
    for name, table in tables.items():
        latex_tables.check_well_formed(table.latex())
        paths.append(tmp_path / f"{name}.tex")
        paths[-1].write_text(table.latex())
    assert tables["long"].latex().count(r"\begin{tabular}") == 300 / latex.LINES_OF_A_PAGE + 0.5
    latex_tables.compile_all(paths, tmp_path)
