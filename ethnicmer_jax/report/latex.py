"""Tables as LaTeX: booktabs, every special character escaped, never wider than the page.

A table that is too wide is scaled to the width of the text, long cells are broken into lines,
and a table that is too long for a page is cut into parts. Each file names the packages it needs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LINES_OF_A_PAGE = 40
"""A longer table is cut into parts."""

LONG_CELL = 40
"""Letters; longer cells are broken into lines of about as many."""

_WIDTH_OF_LONG = "6.5cm"


def table(
    name: str,
    caption: str,
    header: Sequence[str],
    numeric: Sequence[bool],
    rows: Sequence[Sequence[str]],
) -> str:
    r"""One or more table environments, to be read by \input.

    Args:
      name: of its label, `tab:name`.
      caption: plain text.
      header: of each column, plain text.
      numeric: whether each column aligns to the right.
      rows: cells, plain text.
    """
    cells = zip(*rows, strict=True) if rows else [()] * len(header)
    columns = "".join(map(_column, numeric, cells))
    parts = _parts(rows)
    shown = []
    for number, part in enumerate(parts, start=1):
        which = f" (Part {number} of {len(parts)}.)" if len(parts) > 1 else ""
        label = rf" \label{{tab:{name}}}" if number == 1 else ""
        shown += [
            r"\begin{table}",
            r"\centering",
            *([r"\addtocounter{table}{-1}"] if number > 1 else []),
            rf"\caption{{{escape(caption + which)}}}{label}",
            # \width is that of what follows: only what is too wide is scaled.
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            *(r"\toprule", _line(header), r"\midrule", *map(_line, part), r"\bottomrule"),
            r"\end{tabular}}",
            r"\end{table}",
            # TeX holds a few floats at a time.
            *([r"\clearpage"] if len(parts) > 1 else []),
        ]
    return "\n".join([r"% Needs \usepackage{array,booktabs,graphicx}.", *shown]) + "\n"


def _parts(rows: Sequence[Sequence[str]]) -> list[list[Sequence[str]]]:
    """The rows page by page; one part without rows where there are none."""
    parts: list[list[Sequence[str]]] = [[]]
    lines = 0
    for row in rows:
        height = max(-(-len(cell) // LONG_CELL) for cell in row)
        if parts[-1] and lines + height > LINES_OF_A_PAGE:
            parts.append([])
            lines = 0
        parts[-1].append(row)
        lines += height
    return parts


def _column(numeric: bool, cells: Sequence[str]) -> str:
    """The letter of a column; a paragraph where cells are long."""
    if max(map(len, cells), default=0) > LONG_CELL and not numeric:
        return rf">{{\raggedright\arraybackslash}}p{{{_WIDTH_OF_LONG}}}"
    return "r" if numeric else "l"


def _line(cells: Sequence[str]) -> str:
    line = " & ".join(map(_cell, cells)) + r" \\"
    # A bracket or star behind the end of the row before would be read as its argument.
    return f"{{{line[0]}}}{line[1:]}" if line.startswith(("[", "*")) else line


def _cell(text: str) -> str:
    """Escaped; a long one may be broken within paths and names."""
    escaped = escape(text)
    if len(text) <= LONG_CELL:
        return escaped
    return _BREAKABLE.sub(r"\g<0>\\allowbreak{}", escaped)


_BREAKABLE = re.compile(r"/|=|,|:|\\_|\\textgreater\{\}")


def escape(text: str) -> str:
    """Plain text as LaTeX prints it; one line."""
    return " ".join(text.translate(_SPECIAL).split())


_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "−": "$-$",
        "→": r"$\rightarrow$",
        "×": r"$\times$",
        "±": r"$\pm$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "·": r"$\cdot$",
        "²": r"$^2$",
        "³": r"$^3$",
        "–": "--",
        "—": "---",
        "…": r"\ldots{}",
        "“": "``",
        "”": "''",
        "‘": "`",
        "’": "'",
    }
)
