"""A table of another laboratory, read through one mapping file."""

from __future__ import annotations

import openpyxl
import other_laboratory
import pytest

from data_builders.sources import manifest, mapping
from data_builders.sources.base import FlowFile
from ethnicmer_jax.base.schema import UserError

JENA = """
table = "Kodierung.xlsx"
[columns]
subject = "Versuchsperson"
clip = "Aufnahme"
emotion = "Gefühl"
[values]
database = "jena"
fps = 200
[cells.emotion]
"Freude" = "happiness"
"Ärger" = "anger"
[cells.ethnicity]
"2" = "Asian"
[paths]
flow = "Bilder/VP{Versuchsperson:02}/{clip}.png"
"""

ROWS = (
    ("Versuchsperson", "Aufnahme", "Gefühl", "Ethnicity", "Kommentar", "Onset"),
    (1, "a", "Freude", 2, "gut", 3),
    (1, "b", "Ärger", 2, None, 4),
    (12, "a", "surprise", "White", None, None),
)


@pytest.fixture
def jena(tmp_path):
    """The folder of a laboratory that no reader knows."""
    workbook = openpyxl.Workbook()
    for row in ROWS:
        workbook.active.append(row)
    workbook.save(tmp_path / "Kodierung.xlsx")
    for subject, clip in (("VP01", "a"), ("VP01", "b"), ("VP12", "a")):
        (tmp_path / "Bilder" / subject).mkdir(parents=True, exist_ok=True)
        (tmp_path / "Bilder" / subject / f"{clip}.png").write_bytes(b"")
    return tmp_path


def write(folder, text):
    path = folder / "jena.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_one_mapping_file_reads_another_laboratory_s_table(jena):
    found = manifest.list_clips(write(jena, JENA))
    assert found.problems == ()
    assert [task.key for task in found.tasks] == ["jena/1/a", "jena/1/b", "jena/12/a"]
    labels = [task.labels for task in found.tasks]
    assert [each.emotion for each in labels] == ["happiness", "anger", "surprise"]
    assert [each.raw_emotion for each in labels] == ["Freude", "Ärger", "surprise"]
    assert [each.ethnicity for each in labels] == ["Asian", "Asian", "White"]
    assert {each.fps for each in labels} == {200.0}
    assert [each.onset for each in labels] == [3, 4, -1]
    assert labels[0].extra == {"Kommentar": "gut"}
    assert found.tasks[0].motion == FlowFile(jena / "Bilder" / "VP01" / "a.png")


def test_the_documented_laboratory_is_read_as_documented(tmp_path):
    found = manifest.list_clips(other_laboratory.write(tmp_path))
    assert found.problems == ()
    assert [task.key for task in found.tasks] == ["jena/1/a1", "jena/1/a2", "jena/2/b1"]
    labels = [task.labels for task in found.tasks]
    assert [each.emotion for each in labels] == ["happiness", "anger", "surprise"]
    assert [each.ethnicity for each in labels] == ["Asian", "Asian", "White"]
    assert labels[2].fps == pytest.approx(29.97)


def test_what_a_mapping_file_leaves_open_is_a_problem_of_its_row(jena):
    text = JENA.replace('"Freude" = "happiness"\n', "").replace("{clip}.png", "{Onset}.png")
    found = [str(problem) for problem in manifest.list_clips(write(jena, text)).problems]
    assert any("line 2: emotion: 'Freude' is unknown" in problem for problem in found)
    assert any("line 4: flow: {Onset} is blank" in problem for problem in found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('table = "Kodierung.xlsx"', "", "names no table, or a tree too: begin it"),
        ('table = "Kodierung.xlsx"', "table = 3", "names no table"),
        ("[columns]", 'tree = "{subject}"\n[columns]', "names no table, or a tree too"),
        ('table = "Kodierung.xlsx"', 'table = "gone.csv"', "there is no table .*gone.csv"),
        ("[columns]", "[colums]", "colums is unknown; known: table, tree, columns, v"),
        (
            '"Gefühl"',
            '"Laune"',
            "has no column 'Laune' for emotion; it has 1 Versuchsperson",
        ),
        ("emotion = ", "mood = ", r"\[columns\] has mood, which is none of our columns: database"),
        ("[cells.emotion]", "[cells.mood]", r"\[cells\] has mood, which is none of our"),
        ("fps = 200", "fps = [200]", r"fps in \[values\] is neither a text nor a number"),
        ("[values]", "values = 3\n[more]", "more is unknown"),
        ("[values]\n", "", r"\[columns\] has fps|no column 'jena' for database"),
        ("flow =", "onset =", r"\[paths\] has onset, which is none of our columns: flow, frames"),
        ('database = "jena"\n', "", "lacks the columns database; it has 1 Versuchsperson"),
        ("Freude", '"', "is not a readable TOML file: .*line"),
    ],
)
def test_a_wrong_mapping_file_is_one_line(jena, old, new, message):
    with pytest.raises(UserError, match=message) as caught:
        manifest.list_clips(write(jena, JENA.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_a_table_that_is_a_manifest_needs_no_sections(tmp_path):
    (tmp_path / "flow.npy").write_bytes(b"")
    (tmp_path / "m.csv").write_text("database,subject,clip,emotion,flow\nlab,1,a,fear,flow.npy\n")
    path = write(tmp_path, 'table = "m.csv"\n')
    (task,) = manifest.list_clips(path).tasks
    # Texts, because NaN equals nothing and Python 3.13 compares field by field.
    assert repr(task) == repr(manifest.list_clips(tmp_path / "m.csv").tasks[0])
    assert mapping.read(path).given == ()


TREE = """
tree = "Filme/{emotion}/VP{subject}/*/{clip}"
[values]
database = "jena"
[cells.emotion]
"Freude" = "happiness"
"Trauer" = "sadness"
"""


@pytest.fixture
def tree(tmp_path):
    """A folder tree whose levels have words of their own."""
    for emotion, subject, clip in (
        ("Freude", "01", "a"),
        ("Trauer", "01", "b"),
        ("fear", "2", "a"),
    ):
        for number in range(3):
            path = tmp_path / "Filme" / emotion / f"VP{subject}" / "roh" / clip / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    (tmp_path / "Filme" / "Probe.npy").write_bytes(b"")
    return tmp_path


def test_a_mapping_file_reads_a_folder_tree_without_a_table(tree):
    found = manifest.list_clips(write(tree, TREE))
    assert found.problems == ()
    assert [task.key for task in found.tasks] == ["jena/01/a", "jena/01/b", "jena/2/a"]
    labels = [task.labels for task in found.tasks]
    assert [each.emotion for each in labels] == ["happiness", "sadness", "fear"]
    assert [each.raw_emotion for each in labels] == ["Freude", "Trauer", "fear"]
    assert found.tasks[0].motion.numbers == (0, 1, 2)
    assert any("1 clips do not fit" in note and "Filme/Probe" in note for note in found.notes)


def test_a_faulty_clip_of_a_tree_is_named_by_its_path(tree):
    text = TREE.replace('"Freude" = "happiness"\n', "")
    (problem,) = manifest.list_clips(write(tree, text)).problems
    assert str(problem).startswith("jena.toml Filme/Freude/VP01/roh/a: emotion: 'Freude' is")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{emotion}/{subject}/{clip}", "none of 4 clips fits tree = .*, such as Filme/"),
        ("Filme/{clip}/{clip}", "cannot be: redefinition of group name 'clip'"),
        ("Filme/*/{onset}", "{onset} of tree is found with the clip's files"),
        ("Filme/*", "names no column"),
        ("Filme/{emotion}/{subject}/*/x", "none of 4 clips"),
        ("Filme/*/*/*/{clip}", "lacks the columns subject, emotion"),
    ],
)
def test_a_tree_that_does_not_fit_is_one_line(tree, pattern, message):
    old = "Filme/{emotion}/VP{subject}/*/{clip}"
    with pytest.raises(UserError, match=message) as caught:
        manifest.list_clips(write(tree, TREE.replace(old, pattern)))
    assert "\n" not in str(caught.value)
