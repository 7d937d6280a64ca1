"""LaTeX tables, checked: balanced everywhere, and compiled where there is a TeX."""

import re
import shutil
import subprocess

import pytest

PREAMBLE = r"""\documentclass{article}
\usepackage[margin=2.5cm]{geometry}
\usepackage{array,booktabs,graphicx}
\begin{document}
"""
MOST_POINTS_TOO_WIDE = 1.0


def check_well_formed(text):
    """Environments and braces close in order, every row has all cells, specials are escaped."""
    open_, packages = [], re.findall(r"^% Needs \\usepackage\{(.*)\}\.$", text, flags=re.M)
    assert len(packages) == 1
    assert "booktabs" in packages[0]
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert open_ == []
    body = text.split("\n", 1)[1]
    plain = re.sub(r"\\[\\{}&%$#_]", "", body)
    assert plain.count("{") == plain.count("}")
    assert "#" not in plain
    assert plain.isascii() or not re.search("[−→×≤≥–]", plain)
    # One % ends the line of \resizebox.
    assert plain.replace("}{!}{%", "").count("%") == 0
    rows = [line for line in body.splitlines() if line.endswith(r" \\") and "caption" not in line]
    ampersands = {len(re.findall(r"(?<!\\)&", row)) for row in rows}
    assert len(ampersands) == 1
    assert not any(re.match(r"[\[*]", row) for row in rows)


def compile_all(paths, folder):
    """One document with every table, by pdflatex; skipped where there is none."""
    if shutil.which("pdflatex") is None:
        pytest.skip("there is no pdflatex here")
    inputs = "".join(f"\\input{{{path}}}\n\\clearpage\n" for path in paths)
    (folder / "tables.tex").write_text(PREAMBLE + inputs + "\\end{document}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    wide = re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", done.stdout)
    assert max(map(float, wide), default=0) <= MOST_POINTS_TOO_WIDE, wide
    return folder / "tables.pdf"
