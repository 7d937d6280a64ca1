"""The documentation keeps up with the program: errors, navigation, scripts, notebooks, images."""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
from documented import ROOT

DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "theme"))
import messages  # noqa: E402

import ethnicmer_jax as em  # noqa: E402
from ethnicmer_jax.base import divergence, places, stopping  # noqa: E402, F401
from ethnicmer_jax.base.schema import UserError  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SAID = [message.text for message in messages.collect(ROOT)]
ERRORS = (DOCS / "errors.md").read_text("utf-8")
EXPLAINED = re.findall(r"^\| `([^`]+)` \|", ERRORS, re.MULTILINE)


def cells(notebook, kind):
    book = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == kind]


def test_messages_are_collected_from_the_code():
    assert len(SAID) > 300
    assert "--config must name a config file that is there, as configs/stereo.py" in SAID


@pytest.mark.parametrize("message", EXPLAINED)
def test_every_message_that_the_page_explains_is_said(message):
    assert any(message in said for said in SAID)


def said_by(folder):
    """Module of a package -> its messages."""
    found = {}
    for message in messages.collect(ROOT):
        if message.module.startswith(folder):
            found.setdefault(message.module, []).append(message.text)
    return found


@pytest.mark.parametrize(
    ("module", "said"),
    [
        *said_by("ethnicmer_jax/base").items(),
        *said_by("ethnicmer_jax/models/sound_weights").items(),
    ],
)
def test_the_page_explains_every_kind_of_refusal_that_all_packages_share(module, said):
    assert any(message in text for message in EXPLAINED for text in said)


@pytest.mark.parametrize("words", [os.strerror(number) for number in places.CURES])
def test_the_page_knows_every_kind_of_place_that_cannot_be_used(words):
    table = ERRORS.partition("## Places")[2].partition("## Data")[0]
    assert re.search(rf"^\| ([^|]*, )?{re.escape(words)}(, [^|]*)? \|", table, re.MULTILINE)


def test_the_page_says_what_every_exit_code_means():
    codes = {0, 1, 130, stopping.CODE, *(kind.exit_code for kind in user_errors(UserError))}
    assert set(map(int, re.findall(r"^\| (\d+) \|", ERRORS, re.MULTILINE))) == codes


def user_errors(kind):
    return [kind, *(sub for each in kind.__subclasses__() for sub in user_errors(each))]


def test_every_page_is_in_the_navigation_and_every_entry_a_page():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/]+\.md$", text.partition("\nnav:")[2], re.MULTILINE))
    pages = {path.name for path in DOCS.glob("*.md")}
    pages |= {f"notebooks/{path.stem}.md" for path in NOTEBOOKS}
    elsewhere = {"index.md", "dataset.md", "measurements.md", "contributing.md", "changelog.md"}
    assert listed == pages | elsewhere


@pytest.mark.parametrize("script", re.findall(r"^```bash\n(#!.*?)^```", "".join(
    path.read_text("utf-8") for path in sorted(DOCS.glob("*.md"))), re.S | re.M))  # fmt: skip
def test_scripts_of_the_pages_are_bash(script):
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_python_that_names_what_is_public_and_stay_small(notebook):
    tree = ast.parse("\n".join(cells(notebook, "code")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "em":
            assert node.attr in em.__all__
    assert notebook.stat().st_size < 60_000


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(notebook, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    book = pytest.importorskip("nbformat").read(notebook, 4)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": ROOT}}).execute()


def instructions(dockerfile):
    text = re.sub(r"\\\n", " ", dockerfile.read_text(encoding="utf-8"))
    lines = [line.split(None, 1) for line in text.splitlines() if line[:1].isupper()]
    return [(word, " ".join(rest.split())) for word, rest in lines]


def test_the_image_installs_extras_that_exist_and_starts_a_command_that_exists():
    steps = instructions(ROOT / "Dockerfile")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    values = dict(rest.split("=", 1) for word, rest in steps if word == "ARG" and "=" in rest)
    assert values["EXTRAS"] == ""
    asked = re.findall(r"EXTRAS=\[(\w+)\]", (DOCS / "clusters.md").read_text("utf-8"))
    assert set(asked) <= extras
    assert asked
    assert dict(steps)["CMD"] == '["ethnicmer_jax"]'
    copied = [part for word, rest in steps if word == "COPY" for part in rest.split()[:-1]]
    assert all((ROOT / part).exists() for part in copied if not part.startswith("--"))
    assert [rest for word, rest in steps if word == "USER"][-1] != "root"


def test_what_the_image_needs_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert ignored[0] == "*"
    copied = [part for word, rest in instructions(ROOT / "Dockerfile") if word == "COPY"
              for part in rest.split()[:-1]]  # fmt: skip
    assert {pathlib.PurePath(part).parts[0] for part in copied} == set(kept)
