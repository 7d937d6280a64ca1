"""Figures: what they show to a reader who cannot see them, and how they survive dark mode."""

import io
import itertools
import re
import xml.etree.ElementTree as ElementTree
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ethnicmer_jax.analysis.action_units.findings import UnitFindings
from ethnicmer_jax.analysis.calibration import with_wilson
from ethnicmer_jax.analysis.study.findings import Placebo
from ethnicmer_jax.base.schema import EMOTIONS
from ethnicmer_jax.report import figures, style
from ethnicmer_jax.report.study import figures as study_figures

ROWS = pd.DataFrame(
    {
        "section": ["By group", "By group", "By database"],
        "label": ["asian", "a subject called <script> & $x_1$", "samm"],
        "estimate": [0.7, 0.6, 0.65],
        "low": [0.6, np.nan, 0.5],
        "high": [0.8, np.nan, 0.8],
    }
)
PREVALENCE = pd.DataFrame(
    [
        ("negative", "asian", 4, 30, 40),
        ("negative", "non_asian", 4, 5, 20),
        ("positive", "asian", 12, 9, 10),
        ("negative", "asian", 28, 1, 40),
    ],
    columns=["emotion", "group", "au", "n_with", "n_clips"],
).assign(prevalence=lambda t: t.n_with / t.n_clips)
REJECTIONS = pd.DataFrame(
    {"series": "16 + 16", "effect": [0.0, 0.5], "rejections": [10, 160], "databases": 200}
)


def _forest():
    return figures.forest(ROWS, name="f", caption="c", xlabel="UF1", references={"chance": 0.3})


def test_a_forest_plot_is_told_in_words():
    alt = _forest().alt
    assert "asian .700 [.600, .800]" in alt
    # Without bounds there is a number and no interval.
    assert "$x_1$ .600; samm" in alt.replace("\n", " ")


def test_signs_are_written_for_differences():
    drawn = figures.forest(ROWS, name="f", caption="c", xlabel="x", signed=True)
    assert "+.700 [+.600, +.800]" in drawn.alt


def test_a_forest_plot_refuses_missing_columns():
    with pytest.raises(ValueError, match="high"):
        figures.forest(ROWS.drop(columns="high"), name="f", caption="c", xlabel="x")


def test_a_pdf_has_vectors_and_fonts_that_publishers_take_and_no_date(real_pdf):
    with real_pdf():
        pdf, again = _forest().pdf, _forest().pdf
    assert pdf.startswith(b"%PDF")
    assert pdf == again
    assert b"/FontFile2" in pdf  # TrueType, embedded
    for unwanted in (b"/Type3", b"/CreationDate", b"/Subtype /Image"):
        assert unwanted not in pdf
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    fonts = [text for text in map(zlib.decompress, streams) if text[:4] == b"\0\1\0\0"]
    assert fonts
    # The directory of a font comes first. Glyphs are placed one by one: no tables of ligatures.
    assert all(b"glyf" in font[:400] and b"GSUB" not in font[:400] for font in fonts)


def test_svg_is_well_formed_dateless_and_escaped():
    svg = _forest().svg
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert "dc:date" not in svg


def test_figures_do_not_depend_on_what_was_drawn_before():
    first = _forest()
    figures.rejection_curves(with_wilson(REJECTIONS))
    assert _forest() == first


def test_ink_follows_the_reader_and_nothing_else_does():
    svg = _forest().svg
    adaptive = style.adaptive_svg(svg)
    ElementTree.fromstring(adaptive)
    assert "prefers-color-scheme:dark" in adaptive
    drawing = adaptive.split("</style>", 1)[1]
    assert style.INK not in drawing
    assert drawing.count("currentColor") == svg.count(style.INK) > 10
    assert drawing.count(style.PALETTE[0]) == svg.count(style.PALETTE[0]) > 0


def test_svg_is_transparent_and_png_stands_on_white():
    drawn = _forest()
    assert "fill: #ffffff" not in drawn.svg
    corner = Image.open(io.BytesIO(drawn.png)).convert("RGBA").getpixel((0, 0))
    assert corner == (255, 255, 255, 255)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def _contrast(a: str, b: str) -> float:
    dark, light = sorted((_luminance(a), _luminance(b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("paper", ["#fdfdfc", "#16191d"])
@pytest.mark.parametrize("colour", style.PALETTE)
def test_lines_are_visible_on_light_and_dark_paper(colour, paper):
    # WCAG 2.1, 1.4.11: graphical objects need 3 : 1.
    assert _contrast(colour, paper) >= 3


@pytest.mark.parametrize("cmap", [style.SEQUENTIAL, style.DIVERGING])
def test_numbers_are_legible_on_every_cell_colour(cmap):
    for position in np.linspace(0, 1, 101):
        red, green, blue, _ = cmap(position)
        cell = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
        ink = {"white": "#ffffff", "black": "#000000"}[style.ink_on(red, green, blue)]
        assert _contrast(ink, cell) >= 4.5


@pytest.mark.parametrize("n", [2, 3, 5, 7, 12])
def test_the_labels_of_a_confusion_matrix_do_not_touch(n, monkeypatch):
    seen = []
    monkeypatch.setattr(style, "finish", lambda figure, **_: seen.append(figure))
    names = sorted(EMOTIONS, key=len)[-n:]
    figures.confusion(np.full((n, n), 1234), names, name="x", of="one run")
    [figure] = seen
    figure.draw_without_rendering()
    [axes] = figure.axes
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    cells = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(cells))


def test_a_confusion_matrix_is_told_by_recall():
    counts = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 1]])
    drawn = figures.confusion(counts, ["a", "b", "c"], name="x", of="one run")
    # Of a class without clips no share was recognised or missed.
    assert "a 75%, b: no clip, c 50%" in drawn.alt


def test_one_epoch_still_draws():
    frame = pd.DataFrame({"series": ["loss"], "x": [0], "mean": [1.0], "low": [0.9], "high": [1.1]})
    drawn = figures.curves(frame, name="x", ylabel="loss", caption="c")
    assert "loss from 1.00 to 1.00" in drawn.alt


def test_the_prevalence_map_names_its_highest_share():
    drawn = study_figures.au_prevalence(UnitFindings(5, PREVALENCE, pd.DataFrame()))
    assert "AU12 in positive, Asian: 90%" in drawn.alt
    assert "shown in 5 or more clips" in drawn.caption


def test_untested_differences_are_not_counted_as_tests():
    table = pd.DataFrame(
        {"emotion": ["negative", "positive", "positive"], "au": [4, 4, 12]}
        | {"difference": [0.5, -0.1, 0.2], "p_holm": [0.01, np.nan, 0.4]}
        | {"reject": [True, False, False]}
    )
    found = UnitFindings(5, PREVALENCE, table)
    drawn = study_figures.au_difference(found, ("asian", "non_asian"))
    assert "1 of 2 tested differences" in drawn.alt
    assert "no database holds both groups" in drawn.caption


@pytest.mark.parametrize(
    ("p", "said"), [(0.04, "p = .040. One draw scatters"), (np.nan, "real groups. So few draws")]
)
def test_too_few_placebo_draws_are_called_no_test(p, said):
    null = np.array([-0.1, 0.1])
    drawn = study_figures.placebos(Placebo("arms", "UF1 of a minus b", null, 0.2, p))
    assert said in drawn.caption
    assert drawn.caption.startswith("UF1 of a minus b: 2 placebo draws")


def test_false_alarms_are_told_with_the_number_of_databases():
    drawn = figures.rejection_curves(with_wilson(REJECTIONS))
    assert "16 + 16 5.0% of 200" in drawn.alt
