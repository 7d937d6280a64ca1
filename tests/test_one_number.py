"""One quantity has the same digits wherever it is shown: terminal, JSON, page, CSV and LaTeX.

And people never read the names that scripts join on, nor a hyphen where a minus belongs.
"""

import html
import io
import json
import re

import latex_tables
import pandas as pd
import pytest
import report_workdir
import study_world
from rich.console import Console

from ethnicmer_jax.analysis import metrics
from ethnicmer_jax.analysis.sweep import Result
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.report import console, job_page, sweep_page
from ethnicmer_jax.report.study import page as study_page

SCORES = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy"}
RUNS = ("mono_asian-draw0-seed0", "stereo-draw0-seed0", "stereo-draw0-seed1")
NUMBER = r"[+-]?\d?\.\d{3}"
INTERVAL = re.compile(rf"({NUMBER}) \[({NUMBER}), ({NUMBER})\]")


def shown(estimate, low, high):
    return labels.estimate(estimate, low, high).replace("−", "-")


def of_summary(summary, name=labels.run):
    """(arm, score) -> text, of what metrics.json says of the arms, by the arms' readable names."""
    return {
        (name(arm), score): shown(values["mean"], *values["interval"])
        for arm, scores in summary.items()
        for score, values in scores.items()
    }


def of_terminal(monkeypatch, found):
    """The same of what is printed, by the names that people read."""
    printed = io.StringIO()
    monkeypatch.setattr(console, "Console", lambda **_: Console(file=printed, width=80))
    console.print_metrics(found, "job")
    lines = [line for line in printed.getvalue().splitlines() if ": UF1 " in line]
    return printed.getvalue(), {
        (line.split(": UF1 ")[0], score): re.search(
            rf"{label} ({INTERVAL.pattern})", line.replace("−", "-")
        )[1]
        for line in lines
        for score, label in SCORES.items()
    }


def page_text(index):
    """The words of a page, without its style and its pictures' data."""
    text = index.read_text().replace("\N{MINUS SIGN}", "-")
    text = re.sub(r"<(style|script).*?</\1>|data:[^\"']*", " ", text, flags=re.S)
    return html.unescape(
        re.sub(r"<[^>]*>", " ", text) + " ".join(re.findall(r'alt="([^"]*)"', text))
    )


def html_rows(index, header):
    """The rows of the first table of a page whose columns begin with `header`."""
    for table in re.findall(r"<table.*?</table>", index.read_text(), flags=re.S):
        rows = [
            [html.unescape(re.sub(r"<[^>]*>", "", cell)).strip()
             for cell in re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.S)]
            for row in re.findall(r"<tr.*?</tr>", table, flags=re.S)
        ]  # fmt: skip
        if rows[0][: len(header)] == header:
            return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    raise AssertionError(f"no table {header}")


def latex_rows(path):
    """The cells of a LaTeX table."""
    parts = path.read_text().split(r"\midrule")[1:]
    body = "".join(part.split(r"\bottomrule")[0] for part in parts)
    plain = body.replace(r"\_", "_").replace(r"\%", "%").replace(r"$\rightarrow$", "→")
    return [[cell.strip() for cell in row.split("&")] for row in plain.split(r"\\") if row.strip()]


def known_intervals(tables):
    """Every estimate with bounds in the CSV files of a report, as it is shown."""
    known = set()
    for path in tables.glob("*.csv"):
        table = pd.read_csv(path)
        known |= intervals(path.read_text().replace("−", "-"))
        for low in [name for name in table.columns if name.endswith("low")]:
            stem = low.removesuffix("low")
            names = [f"{stem}estimate", f"{stem}mean", f"{stem}prevalence", stem.removesuffix("_")]
            names.append("estimate")  # which may have two intervals, as a mean over databases
            name = next(name for name in names if name in table.columns)
            rows = table[[name, low, f"{stem}high"]].dropna().itertuples(index=False)
            known |= {unsigned(shown(*row)) for row in rows}
    return known


def unsigned(text):
    return text.replace("+", "").replace("-.000", ".000")


def intervals(text):
    return {unsigned(match[0]) for match in INTERVAL.finditer(text)}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    rows = report_workdir.table(RUNS)
    rows = rows[~(rows.run.str.startswith("mono") & (rows.ethnicity != "Asian"))]
    where = report_workdir.write(tmp_path_factory.mktemp("job"), rows)
    job_page.write(where)
    return where


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    rows = study_world.table(study_world.EVERYWHERE, draws=2, seeds=2)
    where = study_world.write(tmp_path_factory.mktemp("study"), rows)
    members = {"Asian": "asian", "White": "non_asian"}
    found = metrics.compute(Predictions.from_table(rows), members)
    (where / "metrics.json").write_text(json.dumps(found))
    study_page.write(where)
    return where


def read_metrics(where):
    return json.loads((where / "metrics.json").read_text())


def test_a_job_says_the_same_of_its_arms_everywhere(job, monkeypatch):
    found = read_metrics(job)
    wanted = of_summary(found["summary"])
    assert set(wanted) == {(arm, score) for arm in ("mono Asian", "stereo") for score in SCORES}
    within = {
        (f"  {labels.run(arm)}, {database}", score): text
        for arm, databases in found["databases"].items()
        for (database, score), text in of_summary(databases, labels.database).items()
    }
    assert within
    report, tables = job / "report", job / "report" / "tables"
    text, printed = of_terminal(monkeypatch, found)
    names = {label: score for score, label in SCORES.items()}
    page = {
        (row["Arm"], names[row["Score"]]): f"{row['Mean']} {row['95% interval']}"
        for row in html_rows(report / "index.html", ["Arm", "Score"])
    }
    latex = {
        (arm, names[score]): f"{mean} {interval}"
        for arm, score, _, mean, interval, *_ in latex_rows(tables / "main_results.tex")
    }
    csv = {
        (labels.run(row["arm"]), names[row["score"]]): shown(row["mean"], row["low"], row["high"])
        for row in pd.read_csv(tables / "main_results.csv").to_dict("records")
    }
    assert page == latex == csv == wanted
    assert printed == wanted | within
    assert intervals(text.replace("−", "-")) == {*wanted.values(), *within.values()}
    by_database = {
        (f"  {row['label'].replace(': ', ', ')}", score): shown(
            *(row[f"{score}{end}"] for end in ("", "_low", "_high"))
        )
        for row in pd.read_csv(tables / "database.csv").to_dict("records")
        for score in SCORES
    }
    assert within.items() <= by_database.items()


@pytest.mark.parametrize("where", ["job", "study"])
def test_every_interval_of_a_page_stands_in_a_table(where, request):
    report = request.getfixturevalue(where) / "report"
    known = known_intervals(report / "tables")
    assert len(known) > 10
    # Intervals that hold jointly are wider, and say so.
    text = re.sub(
        rf"{INTERVAL.pattern} \(9[\d.]+% interval\)", "", page_text(report / "index.html")
    )
    assert intervals(text) <= known
    for path in (report / "tables").glob("*.tex"):
        assert intervals(path.read_text()) <= known


def test_a_study_says_the_same_of_its_arms_everywhere(study, monkeypatch):
    found = read_metrics(study)
    wanted = of_summary(found["summary"])
    tables = study / "report" / "tables"
    csv = pd.read_csv(tables / "cells.csv")
    cells = {f"{row.part}.{row.cell}": row for row in csv.itertuples()}
    assert set(cells) == set(found["summary"])
    uf1 = {arm: shown(row.estimate, row.low, row.high) for arm, row in cells.items()}
    assert {labels.run(arm): text for arm, text in uf1.items()} == {
        arm: text for (arm, score), text in wanted.items() if score == "uf1"
    }
    for arm, row in cells.items():
        summary = found["summary"][arm]
        assert row.n_runs == summary["uf1"]["n_runs"]
        sd = summary["uf1"]["sd"]
        assert pd.isna(row.sd) if sd is None else row.sd == pytest.approx(sd, abs=1e-12)
        assert row.uar == pytest.approx(summary["uar"]["mean"], abs=1e-12)
    names = dict(zip(zip(csv.section, csv.label, strict=True), cells, strict=True))
    header = ["Contrast or job", "Cell"]
    page = {
        names[row["Contrast or job"], row["Cell"]]: row["UF1 [95% interval]"]
        for row in html_rows(study / "report" / "index.html", header)
    }
    latex = {names[row[0], row[1]]: row[5] for row in latex_rows(tables / "cells.tex")}
    assert page == latex == uf1
    _, printed = of_terminal(monkeypatch, found)
    assert printed.items() <= wanted.items()
    assert len(printed) == 3 * console._MOST


def test_a_sweep_says_the_same_as_the_jobs_of_its_points(job, tmp_path):
    rows = pd.read_csv(job / "predictions.csv", dtype={"subject": str})
    predictions = {
        "base": Predictions.from_table(rows),
        "one arm": Predictions.from_table(rows[rows.run.str.startswith("stereo")]),
    }
    results = [Result(name, {}, {}, table, 1.0, None) for name, table in predictions.items()]
    sweep_page.write("fusions", results, tmp_path)
    wanted = {
        (name, arm, score): text
        for name, table in predictions.items()
        for (arm, score), text in of_summary(metrics.compute(table)["summary"]).items()
    }
    frame = pd.read_csv(tmp_path / "summary.csv")
    csv = {
        (row["point"], labels.run(row["arm"]), score): shown(
            row[score], row[f"{score}_low"], row[f"{score}_high"]
        )
        for row in frame.to_dict("records")
        for score in SCORES
    }
    names = {
        f"{point}: {labels.run(arm)}": (point, labels.run(arm))
        for point, arm in zip(frame.point, frame.arm, strict=True)
    }
    page = {
        (*names[row["Point"]], score): row[label]
        for row in html_rows(tmp_path / "summary.html", ["Point"])
        for score, label in SCORES.items()
    }
    # The first table; gaps between groups and databases stand in another one.
    scores = (tmp_path / "summary.md").read_text().partition("| Point")
    scores = "".join(scores[1:]).partition("\n\n")[0]
    lines = [line.split(" | ") for line in scores.splitlines()]
    head = next(line for line in lines if line[0] == "| Point")
    markdown = {
        (*names[line[0][2:].replace("\\", "")], score): line[head.index(label)]
        for line in lines
        if line[0][2:].replace("\\", "") in names
        for score, label in SCORES.items()
    }
    assert csv == page == markdown == wanted
    # The same clips by the same models: no difference, and the same digits as on the job's page.
    assert frame.difference.dropna().tolist() == [0]
    assert {text for (name, *_), text in wanted.items() if name == "base"} <= intervals(
        page_text(job / "report" / "index.html")
    ) | {
        f"{row['Mean']} {row['95% interval']}"
        for row in html_rows(job / "report" / "index.html", ["Arm", "Score"])
    }


def test_every_latex_table_of_both_pages_is_well_formed_and_compiles(job, study, tmp_path):
    """The real tables; hostile, wide and long ones are in test_report_latex.py."""
    paths = [path for where in (job, study) for path in (where / "report/tables").glob("*.tex")]
    assert len(paths) > 12
    for path in paths:
        latex_tables.check_well_formed(path.read_text())
    latex_tables.compile_all(paths, tmp_path)


MACHINE = re.compile(
    r"\b(?:mono|single|within|non|stereo)_\w+|\w+_to_\w+|-(?:draw|seed)\d|(?<![\w.\-])-\.?\d"
    r"|\b(?:casme2|samm|loso)\b|\b0\.\d{3}\b"
)
"""Names of cells, runs and databases, a hyphen before a digit, and a zero before a score."""


def visible(index):
    """What is read on a page, but for commands and the recorded settings."""
    text = re.sub(r"<(style|pre|dl)\b.*?</\1>|data:[^\"']*", " ", index.read_text(), flags=re.S)
    settings = r"<summary>Every setting.*?</details>"
    text = re.sub(settings, " ", text, flags=re.S)
    return re.sub(r"<[^>]*>", " ", text) + " ".join(re.findall(r'alt="([^"]*)"', text))


@pytest.mark.parametrize("where", ["job", "study"])
def test_people_never_read_machine_names(where, request, monkeypatch):
    directory = request.getfixturevalue(where)
    text, _ = of_terminal(monkeypatch, read_metrics(directory))
    shown = {"terminal": text, "page": html.unescape(visible(directory / "report" / "index.html"))}
    for path in (directory / "report" / "tables").glob("*.tex"):
        if path.name != "configuration.tex":
            # Labels and counters of tables are LaTeX's own.
            plain = re.sub(r"\\(label|addtocounter)(\{.*?\})+", "", path.read_text())
            shown[path.name] = plain.replace(r"\_", "_")
    found = {name: sorted(set(MACHINE.findall(text))) for name, text in shown.items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
