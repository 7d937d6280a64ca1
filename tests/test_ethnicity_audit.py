import html
import html.parser
import re

import pytest

from data_builders.ethnicity import audit
from data_builders.ethnicity.consolidation import Override, Thresholds, consolidate
from data_builders.ethnicity.votes import Vote, one_hot


class _Text(html.parser.HTMLParser):
    """Collects the text of each cell of the subjects' table, and checks the nesting."""

    VOID = {"meta", "link", "br", "img"}

    def __init__(self, page):
        super().__init__()
        self.open, self.rows, self.used = [], [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.used |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += " " + " ".join(data.split())


@pytest.fixture
def page():
    votes = [
        Vote("samm", "006", f"006_1_{i}", "onnx", one_hot(label))
        for i, label in enumerate(["White"] * 4 + ["Others"])
    ]
    votes += [
        Vote("samm", "018", "018_1", "onnx", one_hot("White")),
        Vote("samm", "018", "018_2", "onnx", one_hot("Others")),
        Vote("samm", "032", "032_1", "onnx", None, "no face in <onset> & so on"),
        Vote("samm", "<script>alert(1)</script>", "x", "onnx", one_hot("Asian")),
        Vote("samm", "006", "006_1_0", "metadata", one_hot("White")),
    ]
    overrides = {("samm", "099"): Override("Black", "self-report")}
    decisions = consolidate(votes, Thresholds(), overrides)
    return audit.render(audit.Audit(decisions, Thresholds()))


@pytest.fixture
def rows(page):
    parsed = _Text(page)
    assert parsed.open == []
    return {row[0].strip(): " | ".join(cell.strip() for cell in row[1:]) for row in parsed.rows}


def test_each_subject_has_votes_agreement_decision_and_reason(rows):
    assert re.search(r"White 5, Others 1 .* \.83 \| \.83 \| 0\.65 \| White", rows["samm/006"])
    assert rows["samm/006"].endswith("| 5 of 6 votes")
    assert "Unknown" in rows["samm/018"]
    assert rows["samm/018"].endswith("tie between White and Others")
    assert "leaning" not in rows["samm/018"]
    assert "failed 1" in rows["samm/032"]
    assert "no face in <onset> & so on" in rows["samm/032"]
    assert rows["samm/032"].endswith("| – | – | – | Unknown | no readable vote")
    assert re.search(r"none \| .*Black by a human \| .*self-report", rows["samm/099"])


def test_annotators_are_compared(rows):
    # onnx: 9 votes, 1 failed, two subjects of several clips, both contradictory, (.8 + .5) / 2.
    assert rows["onnx"].startswith(("9 | 1 | 2 | 2 | 0.650", "the labels"))
    assert rows["metadata"]


def test_text_from_tables_cannot_become_markup(page):
    assert "<script" not in page
    assert html.escape("<script>alert(1)</script>") in page


def test_the_page_is_self_contained_and_adapts(page):
    assert not {"src", "href"} & _Text(page).used
    assert "url(" not in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_the_page_says_what_the_labels_are_not_for(page):
    assert "must not be used to decide anything about a person" in " ".join(page.split())


def test_open_subjects_are_offered_as_an_override_file(page):
    block = page.split("<pre", 1)[1].split("</pre>", 1)[0]
    assert "samm,018,Unknown,\nsamm,032,Unknown,\n" in block
    assert "006" not in block
    assert "099" not in block


def test_equal_decisions_give_equal_pages():
    votes = [Vote("db", "s", "c", "onnx", one_hot("Asian"))]
    pages = {
        audit.render(audit.Audit(consolidate(votes, Thresholds(1)), Thresholds(1))) for _ in "ab"
    }
    assert len(pages) == 1
