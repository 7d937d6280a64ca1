"""Pictures of benchmarks."""

from __future__ import annotations

import io
import pathlib

from matplotlib.figure import Figure

from ethnicmer_jax.base import files


def save(figure: Figure, path: pathlib.Path, dpi: int) -> None:
    """Writes a figure as PNG, whole or not at all.

    Args:
      figure: a finished figure.
      path: of the file.
      dpi: pixels per inch.
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    files.write_bytes(path, content.getvalue())
