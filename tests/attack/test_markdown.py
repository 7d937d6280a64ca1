"""Names and messages of others in Markdown: shown as they are, whatever stands in them."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
from damage import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ethnicmer_jax.base.markdown import escape
from ethnicmer_jax.report import columns
from ethnicmer_jax.report.tables import Table

MARKUP = st.lists(
    st.sampled_from(
        ("`", "*", "**", "_", "~~", "[", "]", "(", ")", "<", ">", "&lt;", "&", "#", "-", "+", "=",
         "1.", "2)", "|", "\\", "!", ":", "x", " ", "\n", "http://x", "<b>", "a_b", "$")
    ),
    max_size=12,
).map("".join)  # fmt: skip


def parser():
    # As GitHub reads it: HTML, tables, strikethrough.
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def shown(text):
    """What a reader sees of a paragraph; None where it holds anything but text."""
    blocks = parser().parse(text)
    if [block.type for block in blocks] != ["paragraph_open", "inline", "paragraph_close"]:
        return None
    inner = blocks[1].children
    if any(token.type not in ("text", "text_special") for token in inner):
        return None
    return "".join(token.content for token in inner)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.one_of(MARKUP, TEXTS))
def test_a_text_is_shown_as_it_is(text):
    line = " ".join(text.replace("\0", "\ufffd").split())
    if line:
        assert shown(escape(line)) == line


@pytest.mark.parametrize(
    "text", ["casme2_x", "flow_size", ".611 [.512, .701]", "-0.3", "a/b.png is damaged", "1.5 s"]
)
def test_what_needs_no_mark_gets_none(text):
    assert escape(text) == text


def test_a_table_keeps_its_cells(tmp_path):
    names = ["a|b", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "\\", "`", "x\ny"]
    table = Table("t", "c", pd.DataFrame({"name": names}), [columns.text("Name", "name")])
    tokens = parser().parse(table.markdown())
    cells = [token for token in tokens if token.type == "inline"]
    assert all(
        child.type in ("text", "text_special") for token in cells for child in token.children
    )
    assert ["".join(child.content for child in token.children) for token in cells[1:]] == [
        " ".join(name.split()) for name in names
    ]


def test_the_card_of_a_database_shows_names_as_they_are():
    from test_database_card import REPORT, clip

    from data_builders.database import card

    odd = "<img src=x onerror=alert(1)>"
    report = dataclasses.replace(
        REPORT,
        tasks=[clip(odd, "1", "a", "negative", "White")],
        left_out=[f"{odd}: [x](http://x) is damaged", "# heading"],
    )
    tokens = parser().parse(card.render(report))
    kinds = {t.type for t in tokens} | {c.type for t in tokens for c in t.children or ()}
    assert kinds.isdisjoint({"html_block", "html_inline", "link_open", "image"})
    assert odd in "".join(c.content for t in tokens for c in t.children or ())
