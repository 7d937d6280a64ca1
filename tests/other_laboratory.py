"""The laboratory of docs/manifests.md: its folder tree, its table and the mapping file."""

import pathlib
import re

import numpy as np
from documented import ROOT

PAGE = ROOT / "docs" / "manifests.md"


def block(language: str) -> str:
    """The one block of a language on the page."""
    [text] = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    return text


def write(folder) -> pathlib.Path:
    """Writes the laboratory's files; gives the path of the mapping file."""
    folder = pathlib.Path(folder)
    rng = np.random.default_rng(0)
    for subject, clip in (("VP01", "a1"), ("VP01", "a2"), ("VP02", "b1")):
        (folder / subject).mkdir(parents=True, exist_ok=True)
        flow = rng.normal(size=(28, 28, 3)).astype(np.float32)
        np.save(folder / subject / f"{clip}.npy", flow)
    (folder / "Kodierung.csv").write_text(block("csv"), encoding="cp1252")
    (folder / "lab.toml").write_text(block("toml"), encoding="utf-8")
    return folder / "lab.toml"
