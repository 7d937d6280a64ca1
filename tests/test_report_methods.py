"""The methods section: true for every kind of job, and every reference is there."""

import json
import re
import shutil
import subprocess

import pytest
import report_workdir
import study_world

from configs import common, logistic, study, svm
from ethnicmer_jax.analysis import results
from ethnicmer_jax.analysis.data_card import DataCard
from ethnicmer_jax.analysis.metrics import group_labels
from ethnicmer_jax.base import predictions
from ethnicmer_jax.report import files, job_page, methods

NOTES = {
    "svm": "RBF support vector machine, C = 100, class-balanced; features: 28×28 px of flow",
    "logistic": "logistic regression, C = 0.01, class-balanced; features: flow",
}


def written(directory, made, rows=None, notes=()):
    """The methods of a work directory with this config."""
    directory.mkdir(exist_ok=True)
    job = predictions.Predictions.from_table(report_workdir.table() if rows is None else rows)
    predictions.write(directory / "predictions.csv", job)
    (directory / "config.json").write_text(json.dumps(made))
    environment = {
        "code": "git commit abc123",
        "python": "3.11.7",
        "versions": {"jax": "0.10.2", "flax": "0.12.8", "scikit-learn": "1.9.1"},
    }
    values = {"notes": list(notes), "environment": environment}
    (directory / "metrics.json").write_text(json.dumps(values))
    inputs = files.read(directory)
    group = group_labels(inputs.predictions, inputs.members)
    card, runs = DataCard.of(inputs.predictions, group), results.run_scores(inputs.predictions)
    return methods.of(inputs, card, runs)


def config(module=common, **settings):
    """A config as plain data; settings have two underscores for a dot."""
    made = module.get_config()
    for name, value in settings.items():
        *parents, key = name.split("__")
        part = made
        for parent in parents:
            part = part[parent]
        part[key] = value
    return made.to_dict()


def check_references(found):
    """Every citation has its entry, and every entry is cited."""
    cited = set(re.findall(r"@(\w+)", found.markdown))
    entries = set(re.findall(r"^@\w+\{(\w+),", found.bibtex, flags=re.M))
    assert cited == entries == set(found.keys)
    in_latex = {
        key for keys in re.findall(r"\\cite\{(.*?)\}", found.latex) for key in keys.split(",")
    }
    assert in_latex == cited
    assert found.bibtex.count("{") == found.bibtex.count("}")
    # No gap that a missing value has left.
    assert not re.search(r" [,;.]|\(\)|\bNone\b|  ", found.markdown)


def test_a_network_is_described_by_its_own_numbers(tmp_path):
    made = config(optim__epochs=7, optim__batch_size=16, data__source="casme2+samm")
    found = written(tmp_path, made)
    check_references(found)
    for words in (
        "The tested clips are 56 of 14 subjects",
        "24 clips of 6 subjects from CASME II [@yan2014casme2]",
        "from SAMM [@davison2018samm]",
        "Asian: 9; Non-Asian (White, Black, Indian, Others): 5",
        "for 7 epochs in batches of 16",
        "STSTNet [@liong2019ststnet]",
        "TV-L1 [@zach2007tvl1]",
        "RetinaFace [@deng2020retinaface]",
        "Adam [@kingma2015adam]",
        "2 runs and 28 folds",
        "git commit abc123",
        "JAX 0.10.2 [@bradbury2018jax], Flax 0.12.8",
    ):
        assert words in found.markdown, words
    assert "simulated" not in found.markdown
    assert "(Yan et al. 2014)" in " ".join(found.plain)


def test_one_epoch_is_not_several(tmp_path):
    made = config(optim__epochs=1, optim__warmup_epochs=1)
    text = written(tmp_path, made).markdown
    assert "for 1 epoch in batches" in text
    assert "after 1 epoch of warm-up" in text


def test_what_changes_training_is_said(tmp_path):
    assert "at random" not in written(tmp_path / "none", config()).markdown
    made = config(
        augment__rotation=5.0,
        augment__region=0.2,
        optim__averaging=0.98,
        loss__prior_adjustment=0.5,
    )
    found = written(tmp_path / "some", made)
    check_references(found)
    for words in (
        "at random: turned by up to 5.0 degrees and blanked in a square of up to 0.2 of its side.",
        "A moving average of the weights (decay 0.98 a step) predicts.",
        "0.5 times the log share of each class among the training clips of the fold was added "
        "[@menon2021logit]",
    ):
        assert words in found.markdown, words
    assert "noise" not in found.markdown


def test_what_was_not_done_is_not_said(tmp_path):
    made = config(
        data__detector="none",
        data__mirror=False,
        data__stabilise="none",
        data__source="manifest",
        loss__class_balanced=False,
        model__emotion_input="apex",
        optim__weight_decay=0.01,
        optim__schedule="constant",
        optim__warmup_epochs=2,
        init__path="weights/first.safetensors",
        init__freeze=True,
    )
    found = written(tmp_path, made)
    check_references(found)
    for words in ("Mirrored", "RetinaFace", "optical flow", "weighted equally", "Adam [", "0.98"):
        assert words not in found.markdown, words
    for words in ("AdamW with a weight decay of 0.01", "2 epochs of warm-up", "apex frame"):
        assert words in found.markdown, words
    assert "the emotion branch from first.safetensors, which stayed frozen" in found.markdown


@pytest.mark.parametrize(
    ("fusion", "words"),
    [
        ("concat", "concatenated"),
        ("embed", "[@perez2018film]"),
        ("adversarial", "[@ganin2015reversal]"),
    ],
)
def test_fusions_are_named(tmp_path, fusion, words):
    found = written(tmp_path, config(model__fusion=fusion))
    check_references(found)
    assert words in found.markdown


@pytest.mark.parametrize(("module", "words"), [
    (svm, "an RBF support vector machine (C = 100) [@pedregosa2011sklearn]"),
    (logistic, "logistic regression (C = 0.01) [@pedregosa2011sklearn], on optical flow averaged "
     "over 7×7 cells"),
])  # fmt: skip
def test_shallow_classifiers_have_no_optimiser(tmp_path, module, words):
    made = config(module)
    found = written(tmp_path, made, notes=[NOTES[made["classifier"]]])
    check_references(found)
    assert words in found.markdown
    assert "scikit-learn 1.9.1" in found.markdown
    for absent in ("Adam", "epochs", "JAX", "Flax"):
        assert absent not in found.markdown


def test_an_ensemble_and_a_selection_say_what_they_are(tmp_path):
    averaged = config() | {"averaged": ["a", "b", "c"]}
    found = written(tmp_path / "mean", averaged, notes=["every clip: the mean over 15 models"])
    assert (
        "means of the probabilities of 3 jobs (every clip: the mean over 15 models)"
        in found.markdown
    )
    merged = config()
    merged["optim"]["learning_rate"] = "chosen from 0.001 | 0.003"
    merged["points"] = ["one", "two"]
    found = written(tmp_path / "selected", merged, notes=["for each of 14 subjects, the best"])
    check_references(found)
    assert "For each of 14 subjects, the best" in found.markdown
    assert "a learning rate of 0.001 or 0.003" in found.markdown


def test_a_study_is_described_as_one(tmp_path):
    rows = study_world.table(study_world.EVERYWHERE, draws=2, seeds=1)
    found = written(tmp_path, config(study), rows)
    check_references(found)
    assert "[@khor2025ethnic]" in found.markdown
    assert "own-group advantage" in found.markdown
    assert "told the ethnicity" in found.markdown


@pytest.mark.parametrize("name", [
    "loso", "composite", "single_database", "lodo", "cross_database", "kfold", "split", "hold_out",
    "nested", "draws", "study",
])  # fmt: skip
def test_every_protocol_has_its_sentence(name):
    sentence = methods._protocol(methods._Settings(config(protocol__name=name)))
    assert sentence.endswith(".")


def test_an_unrecorded_config_leaves_its_sentences_out(tmp_path):
    found = written(tmp_path, {"name": "x"})
    check_references(found)
    assert "clips are 56" in found.markdown
    for absent in ("epochs", "flow", "Every subject was held out"):
        assert absent not in found.markdown


def test_page_and_files_hold_the_same(tmp_path):
    index = job_page.write(report_workdir.write(tmp_path))
    page = index.read_text()
    for name in ("methods.md", "methods.tex", "references.bib"):
        assert (index.parent / name).is_file()
        assert f'href="{name}"' in page


def test_every_entry_of_the_library_can_be_named_and_the_text_compiles(tmp_path):
    library = methods._library()
    assert all(key.isidentifier() for key in library)
    assert all(methods._author_year(entry)[-4:].isdigit() for entry in library.values())
    used = {*methods._DATABASES.values()}
    used |= set(
        re.findall(r"@(\w+)", " ".join([*methods._FLOWS.values(), *methods._BACKBONES.values()]))
    )
    assert used <= set(library)
    if shutil.which("pdflatex") is None or shutil.which("bibtex") is None:
        pytest.skip("there is no pdflatex with bibtex here")
    found = written(tmp_path / "job", config(model__fusion="embed"))
    (tmp_path / "methods.tex").write_text(found.latex)
    (tmp_path / "references.bib").write_text("\n\n".join(library.values()))
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\begin{document}\\input{methods}\\nocite{*}"
        "\\bibliographystyle{plain}\\bibliography{references}\\end{document}\n"
    )
    tex = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper")
    for command in (tex, ("bibtex", "paper"), tex, tex):
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, errors="replace"
        )
        assert done.returncode == 0, done.stdout[-2000:]
    assert "undefined" not in done.stdout
    assert "Warning--" not in (tmp_path / "paper.blg").read_text()
