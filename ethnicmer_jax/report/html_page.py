"""A report as data (sections of blocks), rendered to one self-contained page and its files."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import pathlib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence

import jinja2
import markupsafe

from ethnicmer_jax.base import files, labels, reportable
from ethnicmer_jax.report import style
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Table


@dataclasses.dataclass(frozen=True)
class Prose:
    """Paragraphs of plain text."""

    paragraphs: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Note:
    """One paragraph that must not be overlooked."""

    text: str


@dataclasses.dataclass(frozen=True)
class Link:
    """A paragraph that ends in a link to a file that travels with the page.

    Attributes:
      text: what stands before it.
      label: what is clicked on.
      href: relative path; a page loads nothing from elsewhere, and sends nobody there.

    Raises:
      ValueError: `href` is absolute or names a scheme or host.
    """

    text: str
    label: str
    href: str

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.href)
        if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
            raise ValueError(f"{self.href!r} is not a relative path")


@dataclasses.dataclass(frozen=True)
class Facts:
    """Terms with one value each."""

    items: Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Listing:
    """Commands or other text in which every space counts."""

    text: str


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Figures, side by side where there is room."""

    figures: Sequence[Figure]


Block = Prose | Note | Link | Facts | Listing | Gallery | Table


@dataclasses.dataclass(frozen=True)
class Section:
    """A titled part of the page; `anchor` is its id in links."""

    anchor: str
    title: str
    blocks: Sequence[Block]


@dataclasses.dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
      title: heading and window title.
      question: what was asked, in one sentence.
      conclusion: what can be said; the first sentence stands alone, where there is a lead the
        others are folded away below it.
      sections: the rest, in order.
      lead: figures that belong to the first sentence, in the first screen.
      warnings: what a reader must know before the conclusion.
      attachments: file name -> text of what lies beside the page.
      not_reportable: why these results must not be reported; "" where they may be. It is said in
        a banner, in the title, and with every table.
    """

    title: str
    question: str
    conclusion: Sequence[str]
    sections: Sequence[Section]
    lead: Sequence[Figure] = ()
    warnings: Sequence[str] = ()
    attachments: Mapping[str, str] = dataclasses.field(default_factory=dict)
    not_reportable: str = ""

    @property
    def heading(self) -> str:
        """The title, with the mark of what must not be reported."""
        return f"{reportable.MARK}: {self.title}" if self.not_reportable else self.title

    @property
    def banner(self) -> str:
        """What must be seen whatever part of the page is; "" for nothing."""
        return reportable.marked(self.not_reportable)

    @property
    def said(self) -> list[str]:
        """Warnings and conclusion, as a terminal prints them."""
        return [*filter(None, [self.banner]), *self.warnings, *self.conclusion]

    def tables(self) -> Iterator[Table]:
        """Every table, in order."""
        return (b for s in self.sections for b in s.blocks if isinstance(b, Table))

    def marked(self) -> Document:
        """The same with the mark on every table, where these results must not be reported."""
        if not self.not_reportable:
            return self
        sections = [
            dataclasses.replace(
                section,
                blocks=[
                    block.marked(self.not_reportable) if isinstance(block, Table) else block
                    for block in section.blocks
                ],
            )
            for section in self.sections
        ]
        return dataclasses.replace(self, sections=sections)

    def figures(self) -> Iterator[Figure]:
        """Every figure, in order."""
        galleries = (b for s in self.sections for b in s.blocks if isinstance(b, Gallery))
        return itertools.chain(
            self.lead, (figure for gallery in galleries for figure in gallery.figures)
        )


def render(document: Document, *, beside: bool = False) -> str:
    """The page: style and figures inline, no script, nothing loaded from anywhere.

    Args:
      document: the report.
      beside: whether figures/ and tables/ lie beside the page, to be linked.
    """
    loader = jinja2.PackageLoader("ethnicmer_jax.report")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        kind=lambda block: type(block).__name__, data_uri=_data_uri, minus=labels.minus
    )
    # The style sheet is ours and holds no outside text, so it alone goes in unescaped.
    css, _, _ = loader.get_source(environment, "style.css")
    template = environment.get_template("page.html")
    return template.render(
        document=document.marked(),
        css=markupsafe.Markup(css),
        size=_css_size,
        lead_size=_lead_size,
        beside=beside,
    )


def save(
    document: Document,
    directory: pathlib.Path,
    more: Callable[[pathlib.Path], None] | None = None,
) -> pathlib.Path:
    """Writes the page, figures/ (PDF, PNG, SVG) and tables/ (CSV, LaTeX), all or nothing.

    Args:
      document: the report.
      directory: made anew; an earlier report there is replaced.
      more: writes further files into the directory that it is given.

    Returns:
      The path of index.html.
    """
    with files.atomic_directory(directory) as folder:
        _write_files(document, folder)
        if more is not None:
            more(folder)
    return directory / "index.html"


def _write_files(document: Document, directory: pathlib.Path) -> None:
    files.write_text(directory / "index.html", render(document, beside=True))
    for name, content in document.attachments.items():
        files.write_text(directory / name, content)
    for folder in ("figures", "tables"):
        (directory / folder).mkdir()
    for figure in document.figures():
        stem = directory / "figures" / figure.name
        files.write_text(stem.with_suffix(".svg"), figure.svg)
        files.write_bytes(stem.with_suffix(".png"), figure.png)
        if figure.pdf:
            files.write_bytes(stem.with_suffix(".pdf"), figure.pdf)
    for table in document.marked().tables():
        stem = directory / "tables" / table.name
        files.write_text(stem.with_suffix(".csv"), table.csv())
        files.write_text(stem.with_suffix(".tex"), table.latex())


def _data_uri(figure: Figure) -> str:
    encoded = base64.b64encode(style.adaptive_svg(figure.svg).encode()).decode()
    return f"data:image/svg+xml;base64,{encoded}"


def _css_size(figure: Figure, scale: float = 1.0) -> tuple[int, int]:
    """(width, height) in CSS pixels, so that the page does not jump while it loads."""
    points = style.size_of(figure.svg)
    assert points is not None, "Matplotlib writes its size into every figure"
    width, height = (round(scale * length * 96 / 72) for length in points)
    return width, height


def _lead_size(figure: Figure) -> tuple[int, int]:
    """The same of a figure that opens a page: larger, where the first screen still holds it."""
    height = _css_size(figure)[1]
    return _css_size(figure, max(1.0, min(1.3, 400 / height)))
