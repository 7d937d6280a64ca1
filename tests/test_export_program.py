"""A program in StableHLO: it runs without this package and says what the job said."""

import functools
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import jax
import ml_collections
import numpy as np
import pytest
import small_models
from damage import as_of_an_earlier_version

from configs import common
from ethnicmer_jax import inference, models
from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import inputs
from ethnicmer_jax.export import program, request, run
from ethnicmer_jax.export.request import Request
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.protocols.network_file import Taught
from ethnicmer_jax.training import saved_network
from ethnicmer_jax.training.saved_network import SavedNetwork

AS_CLOSE_AS = 1e-6
"""Probabilities of the program and of the engine: other programs round otherwise."""

ELSEWHERE = """
import sys

class Nothing:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("ethnicmer_jax", "data_builders", "configs", "flax", "orbax"):
            raise ImportError(name)

sys.meta_path.insert(0, Nothing())
import json, zipfile
import jax.export, numpy as np
archive = zipfile.ZipFile(sys.argv[1])
about = json.loads(archive.read("about.json"))
model = jax.export.deserialize(archive.read("model.stablehlo"))
flow = np.load(sys.argv[2])
found = model.call(**{name: flow for name in about["inputs"]})
np.save(sys.argv[3], found["p"])
print(about["outputs"]["p"]["columns"])
"""


def images(workdir):
    """The clips of a work directory, and what its networks see of them."""
    trained = inference.open(workdir)
    clips = preparation.read(trained.config).dataset
    return trained, clips, inputs.images(clips, "flow", trained.config.data.flow_scaling, 28)


@pytest.mark.parametrize("name", ["trained_workdir", "trained_embed_workdir"])
def test_one_network_says_what_the_job_has_said(request, name, tmp_path):
    workdir = request.getfixturevalue(name)
    _, clips, flow = images(workdir)
    job = predictions.read(workdir / "predictions.csv").table
    fold = job[(job["run"] == job["run"][0]) & (job["fold"] == job["fold"][0])]
    member = f"{job['run'][0]}/{job['fold'][0]}"
    run.run(Request(workdir, tmp_path / "one.zip", "stablehlo", member, platforms=("cpu",)))
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        model = jax.export.deserialize(bytearray(archive.read(program.PROGRAM)))
        about = json.loads(archive.read(program.ABOUT))
    assert list(about["networks"]) == [member]
    keys = [f"{row.database}/{row.subject}/{row.clip}" for row in fold.itertuples()]
    rows = [clips.key.tolist().index(key) for key in keys]
    found = model.call(**dict.fromkeys(about["inputs"], flow[rows]))
    for head in found:
        wanted = fold[[f"{head}_{column}" for column in about["outputs"][head]["columns"]]]
        np.testing.assert_allclose(found[head], wanted.to_numpy(), rtol=0, atol=AS_CLOSE_AS)


def test_the_final_models_run_where_this_package_is_not(trained_workdir, tmp_path):
    trained, _, flow = images(trained_workdir)
    said = run.run(Request(trained_workdir, tmp_path / "m.zip", "stablehlo"))
    assert said.endswith(
        "final.everybody-seed0/everybody; takes emotion ('batch', 28, 28, 3); "
        "runs on cpu, cuda, tpu"
    )
    np.save(tmp_path / "flow.npy", flow)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, "m.zip", "flow.npy", "p.npy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(list(trained.classes))
    # As somebody else's clips: the mean over final models.
    (network,) = request.networks(Request(trained_workdir, tmp_path / "m.zip", "stablehlo"))
    wanted = program.mean_probabilities(
        program.model(network),
        network,
        jax.tree.map(lambda x: x[None], network.variables),
        emotion=flow,
    )["p"]
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), wanted, rtol=0, atol=AS_CLOSE_AS)


def made_up(seed, **settings):
    """A network of first weights, of the smallest backbone of its kind."""
    config = common.get_config()
    wanted = small_models.config(**settings)
    config.model = ml_collections.ConfigDict({**config.model.to_dict(), **wanted})
    model, example = models.build(config.model), models.example_inputs(config.model)
    init = jax.jit(functools.partial(model.init, train=False))
    variables = init(jax.random.key(seed), example)
    names = ("negative", "positive", "surprise"), ("Asian", "White")
    return SavedNetwork(f"loso-seed{seed}/a", pathlib.Path(), config, variables, *names, Taught())


def test_the_mean_is_that_of_the_networks():
    members = [made_up(seed) for seed in (0, 1)]
    flow = np.random.default_rng(0).normal(size=(3, 28, 28, 3)).astype(np.float32)
    both, *each = (
        program.lowered(chosen, ("cpu",)).call(emotion=flow)["p"]
        for chosen in (members, members[:1], members[1:])
    )
    assert not np.allclose(*each, atol=1e-3)
    np.testing.assert_allclose(both, np.mean(each, axis=0), rtol=0, atol=AS_CLOSE_AS)


def test_the_ethnicity_is_an_input_where_the_fusion_reads_it():
    network = made_up(0, fusion="bias")
    bias = np.float32([[9, 0, 0], [0, 9, 0]])
    network.variables["params"]["fusion"]["bias"] = bias
    flow = np.zeros((3, 28, 28, 3), np.float32)
    exported = program.lowered([network], ("cpu",))
    found = exported.call(emotion=flow, ethnicity=np.int32([0, 1, -1]))["p"]
    assert found[:2].argmax(1).tolist() == [0, 1]
    assert found[0, 0] > found[2, 0] > found[1, 0]


@pytest.mark.slow
@pytest.mark.parametrize("backbone", models.BACKBONES)
def test_every_backbone_is_lowered_for_every_platform_and_any_number_of_clips(backbone):
    network = made_up(0, backbone=backbone)
    exported = program.lowered([network], request.PLATFORMS)
    assert exported.platforms == request.PLATFORMS
    size = models.image_sizes(network.config.model)["emotion"]
    for clips in (1, 3):
        found = exported.call(emotion=np.ones((clips, size, size, 3), np.float32))["p"]
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"member": "loso-seed9/x"}, "has no network loso-seed9/x; it has loso-seed0/"),
        ({"platforms": ("metal",)}, "--platforms names 'metal'; choose from cpu, cuda"),
        ({"platforms": ()}, "--platforms names none"),
    ],
)
def test_what_is_not_there_is_refused(trained_workdir, tmp_path, settings, reason):
    with pytest.raises(UserError, match=reason):
        run.run(Request(trained_workdir, tmp_path / "x.zip", "stablehlo", **settings))
    assert not (tmp_path / "x.zip").exists()


def test_the_name_of_the_file_says_the_format(tmp_path):
    assert request.format_of(tmp_path / "a.zip") == "stablehlo"
    assert request.format_of(tmp_path / "a.safetensors") == "safetensors"
    with pytest.raises(UserError, match=r"must end in \.zip or \.safetensors"):
        request.format_of(tmp_path / "a.onnx")


def of_an_earlier_version(workdir, folder):
    """A copy of a work directory whose config knows none of the settings that were added since."""
    as_of_an_earlier_version(shutil.copytree(workdir, folder))
    config = json.loads((folder / "config.json").read_text())
    for section, names in {"data": ["standardise"], "loss": ["robust", "balanced_over",
                           "robust_step", "prior_adjustment"], "optim": ["averaging"],
                           "model": ["adversarial_target"]}.items():  # fmt: skip
        for name in names:
            del config[section][name]
    del config["augment"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_networks_of_an_earlier_version_are_exported_alike(trained_workdir, tmp_path):
    old = of_an_earlier_version(trained_workdir, tmp_path / "old")
    (network,), (before,) = (saved_network.final(where) for where in (trained_workdir, old))
    assert before.config.to_dict() == network.config.to_dict()


def test_half_of_two_classifiers_is_not_exported_as_the_whole(trained_workdir, tmp_path):
    as_of_an_earlier_version(shutil.copytree(trained_workdir, tmp_path / "mixed"))
    config = json.loads((tmp_path / "mixed" / "config.json").read_text())
    config["classifier"] = "network+logistic"
    (tmp_path / "mixed" / "config.json").write_text(json.dumps(config))
    asked = Request(tmp_path / "mixed", tmp_path / "x.zip", "stablehlo")
    with pytest.raises(UserError, match="mean of a network and another classifier"):
        request.networks(asked)
