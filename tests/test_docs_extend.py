"""The additions of docs/extend.md work as they stand on the page."""

import dataclasses
import re

import documented
import jax
import jax.numpy as jnp
import pandas as pd
import pytest

from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import registry as sources
from data_builders.sources.export import writing
from ethnicmer_jax import models
from ethnicmer_jax.models import registry
from ethnicmer_jax.models.backbones import tap

BLOCKS = documented.python_blocks(documented.ROOT / "docs" / "extend.md")


def written(path):
    """What the block that belongs into a file defines."""
    [block] = [block for block in BLOCKS if block.startswith(f"# in {path}\n")]
    # As a module of its own, for dataclasses and annotations look their module up.
    namespace = {"__name__": "docs_extend"}
    exec(compile(block, path, "exec"), namespace)
    return namespace


@pytest.fixture
def gate(monkeypatch):
    made = written("ethnicmer_jax/models/fusion.py")["Gate"]
    monkeypatch.setitem(registry.FUSIONS, "gate", made)


@pytest.fixture
def tiny_net(monkeypatch):
    made = written("ethnicmer_jax/models/backbones/tiny_net.py")["TinyNet"]
    monkeypatch.setitem(registry.BACKBONES, "tiny_net", registry.BackboneSpec(made, 28, minimum=8))


def test_the_fusion_on_the_backbone_learns_and_shows_its_last_map(gate, tiny_net):
    config = {
        "fusion": "gate",
        "emotion_backbone": "tiny_net",
        "emotion_options": "width=8",
        "gate_sharpness": 2.0,
    }
    classifier, inputs = models.build(config), models.example_inputs(config, batch=4)
    assert classifier.fusion.sharpness == 2.0

    def variables(key):
        return classifier.init(key, inputs, train=False)

    def said(key):
        return classifier.apply(variables(key), inputs, train=False, mutable=[tap.MAPS])

    def loss(params, key):
        changed = {**variables(key), "params": params}
        outputs, _ = classifier.apply(
            changed, inputs, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        )
        return jnp.square(outputs.logits).sum()

    # Shapes are told by tracing; compiling would take most of the time.
    key = jax.random.key(0)
    outputs, shown = jax.eval_shape(said, key)
    assert outputs.logits.shape == (4, 3)
    assert outputs.ethnic_logits.shape == (4, 5)
    assert outputs.features.shape == (4, 8)
    assert any(leaf.shape == (4, 28, 28, 8) for leaf in jax.tree.leaves(shown))
    params = jax.eval_shape(variables, key)["params"]
    gradients = jax.eval_shape(jax.grad(loss), params, key)
    assert jax.tree.map(jnp.shape, gradients) == jax.tree.map(jnp.shape, params)


def test_the_database_reads_what_its_own_layout_draws(tmp_path, monkeypatch):
    database = written("data_builders/sources/databases/nova.py")["DATABASE"]
    layout = written("data_builders/sources/export/nova.py")["LAYOUT"]
    monkeypatch.setitem(writing.LAYOUTS, "nova", layout)
    monkeypatch.setitem(sources.DATABASES, "nova", database)
    monkeypatch.setattr(sources, "SOURCES", (*sources.SOURCES, "nova"))
    cast = parse_cohorts("simnova:Asian:1,simnova:White:1")
    options = SimulatedOptions(cohorts=cast, clips_per_subject=1, clips_spread=0)
    writing.write(options, tmp_path / "raw", "nova", every=100)
    truth = pd.read_csv(tmp_path / "raw" / "truth.csv", dtype=str)
    listing = sources.list_clips(sources.Request("nova", str(tmp_path / "raw")))
    assert listing.problems == ()
    keys = truth["database"] + "/" + truth["subject"] + "/" + truth["clip"]
    assert sorted(task.key for task in listing.tasks) == sorted(keys)
    assert {task.labels.ethnicity for task in listing.tasks} == {"Asian", "White"}
    assert {dataclasses.astuple(task.labels)[0] for task in listing.tasks} == {"nova"}


def test_what_the_page_asks_to_be_changed_is_there():
    page = (documented.ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    for path in set(re.findall(r"`((?:models|base|sources|tests|configs)/[\w/]+\.py)`", page)):
        places = (
            documented.ROOT,
            documented.ROOT / "ethnicmer_jax",
            documented.ROOT / "data_builders",
        )
        assert any((place / path).is_file() for place in places) or path.endswith("tiny_net.py"), (
            path
        )
