r"""A methods section for a paper, written from what a work directory recorded, and its references.

Only what was recorded is said: a sentence whose settings are missing is left out. The text
comes as Markdown (`[@key]`), LaTeX (`\cite{key}`) and BibTeX with the entries that it cites.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ethnicmer_jax.analysis.data_card import DataCard
from ethnicmer_jax.analysis.intervals import RESAMPLES
from ethnicmer_jax.analysis.study.exact import Exact
from ethnicmer_jax.base import crop, labels, reportable
from ethnicmer_jax.base.run_id import WRONG_LABELS, RunId, wrongly_told
from ethnicmer_jax.report import latex
from ethnicmer_jax.report.files import Inputs, flatten
from ethnicmer_jax.report.html_page import Link, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text

_LIBRARY = pathlib.Path(__file__).parent / "templates" / "references.bib"

_DATABASES = {
    "casme": "yan2013casme",
    "casme2": "yan2014casme2",
    "casme_squared": "qu2018casmesquared",
    "casme3": "li2023casme3",
    "casme3c": "li2023casme3",
    "samm": "davison2018samm",
    "smic": "li2013smic",
    "smic_vis": "li2013smic",
    "smic_nir": "li2013smic",
    "4dme": "li2022fourdme",
    "mmew": "ben2022mmew",
    "dfme": "zhao2024dfme",
}

_FLOWS = {
    "tvl1": "TV-L1 [@zach2007tvl1]",
    "farneback": "Farnebäck's method [@farneback2003flow]",
    "dis": "DIS [@kroeger2016dis]",
}

_BACKBONES = {
    "ststnet": "STSTNet [@liong2019ststnet]",
    "off_apexnet": "OFF-ApexNet [@gan2019offapexnet]",
    "dual_inception": "Dual-Inception [@zhou2019dualinception]",
    "rcn": "RCN [@xia2020rcn]",
    "dual_atme": "Dual-ATME [@zhou2023dualatme]",
    "htnet": "HTNet [@wang2024htnet]",
    "resnet18": "ResNet-18 [@he2016resnet]",
    "tiny_vit_5m": "TinyViT-5M [@wu2022tinyvit]",
    "tiny_vit_21m": "TinyViT-21M [@wu2022tinyvit]",
    "swin_b": "Swin-B [@liu2021swin]",
    "vgg_face": "VGG-Face [@parkhi2015vggface]",
}

_FUSIONS = {
    "none": "none",
    "bias": "a learnt bias on the logits for each ethnicity",
    "mtl": "a second head that predicts ethnicity from the same features",
    "concat": "an ethnic branch ({ethnic}), whose features are concatenated with its own",
    "mean": "an ethnic branch ({ethnic}), whose features are averaged with its own",
    "embed": "an ethnic embedding that conditions it (FiLM [@perez2018film])",
    "adversarial": "an adversary that takes ethnicity out of its features by gradient reversal "
    "[@ganin2015reversal]",
}


@dataclasses.dataclass(frozen=True)
class Methods:
    """A methods section.

    Attributes:
      paragraphs: in Markdown, with citations as `[@key]`.
      keys: that they cite, each once, in order.
    """

    paragraphs: Sequence[str]
    keys: Sequence[str]

    @property
    def markdown(self) -> str:
        """For pandoc and others."""
        return "\n\n".join(self.paragraphs) + "\n"

    @property
    def latex(self) -> str:
        r"""To be read by \input; needs references.bib."""
        return "\n\n".join(map(_latex, self.paragraphs)) + "\n"

    @property
    def plain(self) -> list[str]:
        """With citations in words: (Yan et al. 2014)."""
        return [_CITATION.sub(_in_words, paragraph) for paragraph in self.paragraphs]

    @property
    def bibtex(self) -> str:
        """The entries that are cited."""
        return "\n\n".join(_library()[key] for key in sorted(self.keys)) + "\n"

    def files(self) -> dict[str, str]:
        """File name -> content."""
        return {
            "methods.md": self.markdown,
            "methods.tex": self.latex,
            "references.bib": self.bibtex,
        }

    def section(self) -> Section:
        """As a part of a page that `files` lie beside."""
        return Section(
            "paper",
            "For a paper",
            [
                Prose(self.plain),
                Link("To copy:", "methods.md", "methods.md"),
                Link("The same as LaTeX:", "methods.tex", "methods.tex"),
                Link("Its references:", "references.bib", "references.bib"),
            ],
        )


class _Settings:
    """The settings that were recorded, as text; "" where one was not."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._values = dict(flatten(config))

    def __call__(self, name: str) -> str:
        # What `select` has merged: "chosen from 0.001 | 0.003".
        value = self._values.get(name, "")
        if value.startswith("chosen from "):
            return " or ".join(value.removeprefix("chosen from ").split(" | "))
        return value

    @property
    def uses_flow(self) -> bool:
        """Whether any branch sees flow."""
        seen = {self("model.emotion_input") or "flow"}
        if self("model.fusion") in ("concat", "mean", "embed"):
            seen.add(self("model.ethnic_input") or "flow")
        return seen != {"apex"}


def of(
    job: Inputs,
    card: DataCard,
    runs: pd.DataFrame,
    *,
    compared: bool = False,
    exact: Exact | None = None,
) -> Methods:
    """Writes the methods section of a work directory.

    Args:
      job: its files.
      card: who and what was tested.
      runs: one row per run, with the column folds.
      compared: whether differences with joint intervals are shown.
      exact: the randomisation test of a study.
    """
    s = _Settings(job.config)
    backbone = _BACKBONES.get(s("model.emotion_backbone"), s("model.emotion_backbone"))
    ethnic = _BACKBONES.get(s("model.ethnic_backbone"), s("model.ethnic_backbone"))
    fusion = _FUSIONS.get(s("model.fusion"), f"the fusion {s('model.fusion')}")
    seeds = int(s("protocol.seeds")) if s("protocol.seeds").isdigit() else 0
    known = {
        "s": s,
        "cite": _cite,
        "simulated": job.simulated,
        "clips": labels.count(card.n_clips),
        "subjects": labels.count(card.n_subjects),
        "databases": _databases(card.composition),
        "classes": _classes(card),
        "groups": _groups(job, card.composition),
        "derived": _derived(job),
        "flow": _FLOWS.get(s("data.flow_method"), s("data.flow_method")),
        "above": labels.score(crop.ABOVE, 2),
        "below": labels.decimal(crop.BELOW),
        "backbone": backbone,
        "fusion": fusion.format(ethnic=ethnic),
        "start": _start(s),
        "peeked": job.predictions.not_reportable,
        "start_unknown": _start_is_unknown(job, s),
        "augmentation": _augmentation(s),
        "shallow": _shallow(job),
        "features": _features(job, s, backbone),
        "protocol": _protocol(s),
        "runs": _counted(len(runs), "run"),
        "folds": _counted(int(runs["folds"].sum()), "fold"),
        "told": any(_is_told(str(run)) for run in runs["run"]),
        "seeds": f"{seeds} seeds of the random streams" if seeds > 1 else "",
        "resamples": labels.count(RESAMPLES),
        "study": s("protocol.name") == "study",
        "compared": compared,
        "exact": exact,
        "exact_done": labels.count(len(exact.main.null)) if exact and exact.main else "",
        "software": _software(job.environment, s("classifier")),
    }
    written = [" ".join(part.split()) for part in paragraphs("methods.job", **known)]
    written = [reportable.marked(job.predictions.not_reportable), *written]
    written = [part for part in written if part]
    return Methods(written, _keys(written))


def _databases(composition: pd.DataFrame) -> str:
    rows = composition.iloc[:-1].groupby("database", sort=True)[["clips", "subjects"]].sum()
    named = []
    for name, row in rows.iterrows():
        source = f" {_cite(_DATABASES[str(name)])}" if name in _DATABASES else ""
        clips, subjects = (_counted(int(row[key]), key[:-1]) for key in ("clips", "subjects"))
        named.append(f"{clips} of {subjects} from {labels.database(str(name))}{source}")
    return _listed(named)


def _classes(card: DataCard) -> str:
    total = card.composition.iloc[-1]
    words = [f"{name} ({labels.count(total[name])} clips)" for name in card.classes]
    return f"{len(words)} classes, {_listed(words)},"


def _groups(job: Inputs, composition: pd.DataFrame) -> str:
    rows = composition.iloc[:-1].groupby("group", sort=True)[["subjects"]].sum()
    found = []
    for name, row in rows.iterrows():
        members = job.grouping.groups.get(str(name), ()) if job.grouping else ()
        of = f" ({', '.join(members)})" if len(members) > 1 else ""
        shown = "in no group" if name == "excluded" else f"{labels.group(str(name))}{of}"
        found.append(f"{shown}: {labels.count(row['subjects'])}")
    return "; ".join(found)


def _derived(job: Inputs) -> str:
    notes = "; ".join(job.notes)
    if averaged := job.config.get("averaged"):
        jobs = _counted(len(averaged), "job")
        return text("methods.derived_ensemble", jobs=jobs, notes=notes or "mean of all models")
    if points := job.config.get("points"):
        return text(
            "methods.derived_selection",
            notes=(notes[:1].upper() + notes[1:]) or "Settings were chosen for each subject",
            points=len(points),
        )
    return ""


def _start(s: _Settings) -> str:
    """Which weights the branches started from, where they did not start at random."""
    started = []
    for prefix, branch in (("", "emotion"), ("ethnic_", "ethnic")):
        if path := s(f"init.{prefix}path"):
            frozen = s(f"init.{prefix}freeze") == "true"
            kept = ", which stayed frozen" if frozen else ""
            started.append(f"the {branch} branch from {pathlib.PurePath(path).name}{kept}")
    return f"Weights started from others: {_listed(started)}." if started else ""


def _start_is_unknown(job: Inputs, s: _Settings) -> bool:
    """Whether a branch started from weights of a file that does not say who taught them."""
    files = (".safetensors", ".pth", ".pt", ".bin")
    paths = [path for prefix in ("", "ethnic_") if (path := s(f"init.{prefix}path"))]
    said = [f"from {path}; who has taught these weights is known" for path in paths]
    return any(
        pathlib.PurePath(path).suffix in files and not any(line in note for note in job.notes)
        for path, line in zip(paths, said, strict=True)
    )


_CHANGES = {
    "rotation": "turned by up to {} degrees",
    "translation": "shifted by up to {} of its side",
    "zoom": "zoomed by up to 1 + {}",
    "amplitude": "scaled in amplitude by up to 1 + {}",
    "noise": "given noise of standard deviation {}",
    "region": "blanked in a square of up to {} of its side",
}
"""What a setting of `augment` does to flow."""


def _augmentation(s: _Settings) -> str:
    """How flow was changed in training; "" if it was not."""
    ranges = {name: s(f"augment.{name}") for name in _CHANGES}
    return _listed(
        [_CHANGES[name].format(far) for name, far in ranges.items() if far not in ("0.0", "0", "")]
    )


def _shallow(job: Inputs) -> str:
    kind = job.config.get("classifier")
    name = "an RBF support vector machine" if kind == "svm" else "logistic regression"
    for note in job.notes:
        if match := re.search(r"C = ([\d.e+-]+)", note):
            return f"{name} (C = {match[1].rstrip(',.')})"
    return name


def _features(job: Inputs, s: _Settings, backbone: str) -> str:
    seen = "the apex frame" if s("model.emotion_input") == "apex" else "optical flow"
    kind = s("shallow.features")
    if kind == "grid":
        return f"{seen} averaged over {s('shallow.grid')}×{s('shallow.grid')} cells"
    if kind == "pixels":
        return f"the pixels of {seen}"
    weights = "given" if s("init.path") else "random"
    return f"{seen} seen by a frozen {backbone} with {weights} weights"


def _protocol(s: _Settings) -> str:
    name = s("protocol.name")
    known = ("loso", "composite", "single_database", "lodo", "cross_database", "kfold", "split")
    if name in (*known, "hold_out", "nested", "draws", "study"):
        return text(f"methods.{name}", s=s, cite=_cite)
    return f"The protocol is {name}." if name else ""


_TOLD = {
    name
    for job in ("embed", "bias")
    for name in (job, *(wrongly_told(job, wrong) for wrong in WRONG_LABELS))
}
"""Jobs of a study whose models are told the ethnicity."""


def _is_told(run: str) -> bool:
    """Whether a run belongs to a job of a study that is told the ethnicity."""
    return RunId.parse(run).job in _TOLD


def _software(environment: Mapping[str, str], classifier: str) -> str:
    """Programs, versions, commit and devices, as recorded."""
    versions = {name: of for name in ("jax", "flax", "python") if (of := environment.get(name))}
    used = []
    if classifier == "network" and "jax" in versions:
        used = [f"JAX {versions['jax']} {_cite('bradbury2018jax')}"]
        if "flax" in versions:
            used.append(f"Flax {versions['flax']} {_cite('heek2024flax')}")
    elif classifier and environment.get("scikit-learn"):
        used = [f"scikit-learn {environment['scikit-learn']}"]
    if "python" in versions:
        used.append(f"Python {versions['python']}")
    program = "The program is ethnicmer_jax"
    if environment.get("ethnicmer_jax"):
        program += f" {environment['ethnicmer_jax']}"
    if environment.get("code"):
        program += f" ({environment['code']})"
    by = f", on {_listed(used)}" if used else ""
    devices = f"; devices: {environment['devices']}" if environment.get("devices") else ""
    return f"{program}{by}{devices}."


_CITATION = re.compile(r"\[@([\w]+(?:; @[\w]+)*)\]")


def _cite(*keys: str) -> str:
    return f"[{'; '.join(f'@{key}' for key in keys)}]"


def _keys(written: Sequence[str]) -> list[str]:
    """What is cited, each once, in order."""
    found = [key for part in written for match in _CITATION.finditer(part) for key in _split(match)]
    return list(dict.fromkeys(found))


def _split(match: re.Match[str]) -> list[str]:
    return [key.strip(" @") for key in match[1].split(";")]


def _latex(paragraph: str) -> str:
    cited = [",".join(_split(match)) for match in _CITATION.finditer(paragraph)]
    # A mark that no escape touches stands for each citation.
    escaped = latex.escape(_CITATION.sub("\0", paragraph))
    keys = iter(cited)
    return re.sub(" ?\0", lambda _: f"~\\cite{{{next(keys)}}}", escaped)


def _in_words(match: re.Match[str]) -> str:
    return f"({'; '.join(_author_year(_library()[key]) for key in _split(match))})"


def _author_year(entry: str) -> str:
    authors, year = _field(entry, "author").split(" and "), _field(entry, "year")
    names = [re.sub(r"[{}\"\\']", "", name.split(",")[0]) for name in authors]
    if len(names) > 2:
        return f"{names[0]} et al. {year}"
    return f"{' and '.join(names)} {year}"


def _field(entry: str, name: str) -> str:
    match = re.search(rf"^\s*{name}\s*=\s*\{{(.*)\}},?$", entry, flags=re.M)
    assert match is not None, f"every entry of references.bib has the field {name}"
    return match[1]


@functools.cache
def _library() -> dict[str, str]:
    """Key -> entry of references.bib."""
    entries = _LIBRARY.read_text(encoding="utf-8").strip().split("\n\n")
    return {entry.partition("{")[2].partition(",")[0]: entry for entry in entries}


def _counted(number: int, noun: str) -> str:
    return f"{labels.count(number)} {noun}{'' if number == 1 else 's'}"


def _listed(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
