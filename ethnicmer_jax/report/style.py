"""How every figure looks, and how a figure becomes bytes that never change.

Colours are Okabe and Ito's, kept to those that reach a contrast of about 3 on white
and on near-black alike. The ink (text, axes) is one exact colour, so that a page can swap it
for the reader's own foreground colour.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import io
import re
from collections.abc import Iterator

import matplotlib
from fontTools import subset
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas

INK = "#24292f"
DARK_INK = "#d5dae0"
MUTED = "#7d8590"
_ALARM = "#c62828"
NARROW = 5.2
"""Inches; wider figures get illegible on a phone and scroll there instead."""
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b5598f", "#8a6d00", "#5b6ee1")
MARKERS = ("o", "s", "D", "^", "v", "P")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))

SEQUENTIAL = LinearSegmentedColormap.from_list("paper_to_blue", ["#eef3f8", "#7fb0d6", "#08406f"])
DIVERGING = LinearSegmentedColormap.from_list(
    "blue_to_vermilion", ["#08508a", "#8fbbdc", "#f4f4f2", "#eda878", "#a84300"]
)

_PARAMETERS = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "text.color": INK,
    # A subject called "$x" is a name, never mathematics.
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "path",
    # TrueType: publishers refuse the Type 3 fonts that are Matplotlib's default.
    "pdf.fonttype": 42,
    # Without a salt the ids inside an SVG are random.
    "svg.hashsalt": "ethnicmer_jax",
}


@dataclasses.dataclass(frozen=True)
class Figure:
    """A finished figure.

    Attributes:
      name: file stem, unique within a report.
      caption: what is drawn, and what bars and bands mean.
      alt: what a reader who cannot see it should know.
      svg: stand-alone SVG text with a transparent background.
      png: PNG bytes on white, 200 dpi.
      pdf: PDF bytes on white, lines and text as vectors, for papers; b"" where there is none.
      wide: whether it needs more than a phone's width to stay legible.
    """

    name: str
    caption: str
    alt: str
    svg: str
    png: bytes
    pdf: bytes
    wide: bool = False


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Applies the report's style inside the block, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_PARAMETERS)
        yield


_STAMP = contextvars.ContextVar("stamp", default="")


@contextlib.contextmanager
def stamped(text: str) -> Iterator[None]:
    """Writes a text over every figure that is finished inside the block; "" writes none."""
    token = _STAMP.set(text)
    try:
        yield
    finally:
        _STAMP.reset(token)


def canvas(width: float, height: float) -> Canvas:
    """An empty figure of `width` by `height` inches, bound to Agg: no display is ever needed."""
    figure = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def finish(figure: Canvas, *, name: str, caption: str, alt: str, wide: bool = False) -> Figure:
    """Renders a drawn figure to SVG, PNG and PDF, without dates or versions."""
    title, comment = name, {}
    if stamp := _STAMP.get():
        _watermark(figure, stamp)
        title, caption, comment = f"{name}: {stamp}", f"{stamp}. {caption}", {"Comment": stamp}
    # Laid out once, not again for every kind of file.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    svg, png = io.StringIO(), io.BytesIO()
    undated = {"Date": None, "Creator": None, "Title": title}
    figure.savefig(svg, format="svg", transparent=True, metadata=undated)
    figure.savefig(png, format="png", facecolor="white", metadata={"Software": None, **comment})
    return Figure(name, caption, alt, svg.getvalue(), png.getvalue(), _pdf(figure, title), wide)


def _pdf(figure: Canvas, title: str) -> bytes:
    pdf = io.BytesIO()
    undated = {"Creator": None, "Producer": None, "CreationDate": None, "Title": title}
    with _plain_fonts():
        figure.savefig(pdf, format="pdf", facecolor="white", metadata=undated)
    return pdf.getvalue()


@contextlib.contextmanager
def _plain_fonts() -> Iterator[None]:
    """Embeds fonts without their tables of ligatures and kerning inside the block.

    A PDF places each glyph by its number and reads none of them; to cut them down to the glyphs
    in use took about a quarter of the time of a page.
    """
    usual = subset.Options._drop_tables_default
    subset.Options._drop_tables_default = [*usual, "GDEF", "GPOS", "GSUB"]
    try:
        yield
    finally:
        subset.Options._drop_tables_default = usual


def _watermark(figure: Canvas, text: str) -> None:
    """A word across the whole figure, which no crop leaves out and no line is hidden by."""
    size = 72 * min(0.9 * figure.get_figwidth() / (0.65 * len(text)), figure.get_figheight() / 4)
    look = {"color": _ALARM, "alpha": 0.3, "fontsize": size, "fontweight": "bold"}
    place = {"ha": "center", "va": "center", "rotation": 20, "in_layout": False, "zorder": 100}
    figure.text(0.5, 0.5, text, **look, **place)


def size_of(svg: str) -> tuple[float, float] | None:
    """Width and height in points that Matplotlib has written into a drawing; None of others."""
    found = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    return (float(found[1]), float(found[2])) if found else None


def adaptive_svg(svg: str) -> str:
    """The same drawing with its ink following the reader's light or dark colour scheme."""
    rule = (
        f"<style>svg{{color:{INK}}}"
        f"@media (prefers-color-scheme:dark){{svg{{color:{DARK_INK}}}}}</style>"
    )
    head, body = svg.split("<defs>", 1)
    return head + rule + "<defs>" + body.replace(INK, "currentColor")


def ink_on(red: float, green: float, blue: float) -> str:
    """Black or white, whichever reads better on a colour with components in [0, 1]."""
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    # Here both have a contrast of 4.58 (WCAG 2.1): sqrt(1.05 * 0.05) - 0.05.
    return "white" if luminance < 0.179 else "black"
