import pandas as pd
import pytest
import sweep_results
from sweep_results import made, result

from ethnicmer_jax.report import sweep_page


@pytest.fixture(scope="module")
def results():
    return sweep_results.four()


def test_swept_values_are_columns_and_whole_numbers_stay_whole(results, tmp_path):
    sweep_page.write("grid", results, tmp_path)
    lines = (tmp_path / "summary.csv").read_text().splitlines()
    assert lines[0].startswith("point,status,epochs,fusion,runs,clips,subjects,uf1,uf1_sd,")
    assert lines[2].startswith("epochs=80,finished,80,,2,56,14,0.")
    assert pd.read_csv(tmp_path / "summary.csv").error.tolist()[2] == "no fusion <script>"


def test_nothing_finished_is_no_failure(tmp_path):
    page = sweep_page.write("grid", [result("a"), result("b")], tmp_path).read_text()
    assert "0 of 2 points are finished." in page
    assert "<img" not in page


def test_the_page_is_self_contained_and_names_are_harmless(results, tmp_path):
    page = sweep_page.write("grid", results, tmp_path).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert page.count('src="data:image/svg+xml') == 2
    assert "http" not in page.split("</style>")[1].split("<img")[0]
    again = sweep_page.write("grid", results, tmp_path / "again").read_text()
    assert again == page


def test_columns_that_would_say_nothing_are_left_out(results, tmp_path):
    single = made(0.5, runs=("loso-seed0",))
    sweep_page.write("grid", [result("a=1,b=2", single), result("c", single)], tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert "| Point | UF1 | UF1 − first | UAR | Accuracy | Runs | Clips | Minutes |" in text
    assert "| a=1, b=2 | ." in text
    sweep_page.write("grid", results, tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert "| Point | Status | UF1 | SD | UF1 − first | UAR | SD | Accuracy | SD |" in text


def test_markdown_has_a_row_a_point_and_escapes_names(results, tmp_path):
    sweep_page.write("grid", results, tmp_path)
    rows = [line for line in (tmp_path / "summary.md").read_text().splitlines() if "|" in line]
    # A table of scores, and one of gaps between databases.
    assert len(rows) == 2 * (2 + len(results))
    assert rows[4].startswith(r"| fusion=\<script>\|\*x\* | failed | – |")
    assert rows[1].startswith("| --- | --- | ---: |")
