"""What `import ethnicmer_jax` costs, and what it promises to whoever builds on it."""

import inspect
import subprocess
import sys
import time

import pytest

import ethnicmer_jax as em

PROMISED = {
    "Database": "(path, dataset)",
    "Maps": "(table, maps)",
    "MicroExpressionClassifier": "(backbone='ststnet', *, epochs=20, learning_rate=0.001, "
    "batch_size=32, dropout=0.5, mirror=True, scaling='minmax', class_balanced=True, "
    "image_shape=None, overrides=None, random_state=None)",
    "Model": "(workdir)",
    "Result": "(workdir)",
    "compare": "(a, b, *others, common=False, all_pairs=False, output=None, overwrite=False)",
    "config": "(source='common', overrides=None)",
    "load": "(workdir)",
    "open_database": "(source='simulated', *, raw='', data_dir='data', frames=False, "
    "overrides=None)",
    "predictions": "(workdir)",
    "run": "(config, workdir, overrides=None, *, mode='all')",
}
"""Public names and how they are called: a change breaks notebooks of other people."""
MEMBERS = {
    "Database": ["apex_image", "dataset", "flow", "labels", "onset_image", "path", "select",
                 "subjects", "xy"],
    "MicroExpressionClassifier": ["features", "fit", "predict", "predict_proba", "score",
                                  "set_fit_request", "set_predict_proba_request",
                                  "set_predict_request", "set_score_request"],
    "Maps": ["maps", "table"],
    "Model": ["classes", "expected", "explain", "features", "predict"],
    "Result": ["explain", "metrics", "predictions", "report", "scores", "workdir"],
}  # fmt: skip


def called(function):
    """The signature without types, which may become wider."""
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(bare))


def test_public_names_are_those_that_were_promised():
    others = {
        "CaveatWarning",
        "HeldOutWarning",
        "NoImageWarning",
        "NotReportableWarning",
        "UnusableClipWarning",
        "UserError",
    }
    assert set(em.__all__) == {*PROMISED, *others, "__version__"}
    assert set(em.__all__) <= set(dir(em))


@pytest.mark.parametrize("name", PROMISED)
def test_public_signatures_stay(name):
    assert called(getattr(em, name)) == PROMISED[name]


METHODS = {
    "predict": "(self, inputs, *, onset=(), apex=(), offset=(), ethnicity='', person='', "
    "detector='', allow_outside=False, "
    "unit='percent_of_width', every_model=False)",
    "features": "(self, inputs, *, onset=(), apex=(), offset=(), ethnicity='', person='', "
    "detector='', allow_outside=False, "
    "unit='percent_of_width')",
    "explain": "(self, inputs, *, onset=(), apex=(), offset=(), ethnicity='', person='', "
    "detector='', allow_outside=False, "
    "unit='percent_of_width')",
}


@pytest.mark.parametrize("name", METHODS)
def test_what_a_model_is_asked_stays(name):
    assert called(getattr(em.Model, name)) == METHODS[name]


@pytest.mark.parametrize("name", MEMBERS)
def test_public_members_stay(name):
    kind = getattr(em, name)
    fields = list(getattr(kind, "__dataclass_fields__", ()))
    public = {part for part in [*vars(kind), *fields] if not part.startswith("_")}
    assert sorted(public) == MEMBERS[name]


@pytest.mark.parametrize("name", PROMISED)
def test_public_names_are_documented_with_arguments_and_types(name):
    thing = getattr(em, name)
    assert thing.__doc__
    for parameter in inspect.signature(thing).parameters.values():
        assert f"{parameter.name}:" in thing.__doc__
        assert parameter.annotation is not inspect.Parameter.empty


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"ethnicmer_jax.*nonsense"):
        em.nonsense  # noqa: B018


def test_the_import_alone_loads_nothing_heavy():
    code = (
        "import sys, time\nstart = time.perf_counter()\nimport ethnicmer_jax\ndir(ethnicmer_jax)\n"
        "print(time.perf_counter() - start)\n"
        "heavy = {'jax', 'jaxlib', 'flax', 'numpy', 'pandas', 'matplotlib', 'sklearn', 'cv2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert done[1] == "[]"
    assert float(done[0]) < 0.5
    assert time.perf_counter() - start < 10
