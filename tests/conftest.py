"""Shared fixtures. Several CPU devices, so that `pmap` is really exercised."""

import contextlib
import os
import pathlib
import sys
import tempfile

import filelock
import hypothesis
import jaxtyping
import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
_COUNT = "--xla_force_host_platform_device_count"
if _COUNT not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_COUNT}=4".strip()

# Many tests train the same tiny network: it is compiled once for all of them, and for the
# processes that they start.
_COMPILED = tempfile.TemporaryDirectory(prefix="ethnicmer_jax-", ignore_cleanup_errors=True)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _COMPILED.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Two workers of pytest-xdist share two cores: threads of a product of matrices would only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_QUICKLY = "JAX_DISABLE_MOST_OPTIMIZATIONS"

# Every annotated function of these packages checks the shapes and types of each call, here only.
# An int passes for a float, as type checkers have it.
CHECKED = (
    "ethnicmer_jax.base.grouping",
    "ethnicmer_jax.protocols",
    "ethnicmer_jax.models",
    "ethnicmer_jax.data",
    "ethnicmer_jax.training",
    "ethnicmer_jax.analysis",
    "ethnicmer_jax.explain",
)
jaxtyping.install_import_hook(
    CHECKED, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

# A first example may have to import or compile; what is slow shows in --durations.
hypothesis.settings.register_profile("suite", deadline=None)
# The same few examples for every mutant, and no smaller one that fails, too: see `make mutation`.
hypothesis.settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=20,
    derandomize=True,
    database=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile("suite")

SHARED_DATA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"


def _shared(relative: str) -> pathlib.Path:
    path = SHARED_DATA / relative
    if not path.exists():
        pytest.skip(f"the research data are not here ({relative}); they are never committed")
    return path


@pytest.fixture(scope="session")
def real_manifest() -> pathlib.Path:
    """The manifest of the 278 real optical-flow clips."""
    return _shared("flow_images/manifest.csv")


@pytest.fixture(scope="session")
def annotations() -> pathlib.Path:
    """The folder of the reference's annotation tables."""
    return _shared("annotations")


def pytest_collection_modifyitems(items):
    """The longest test first: begun late, it would run alone at the end."""
    items.sort(key=lambda item: item.name != "test_every_documented_command_runs")


@pytest.fixture(scope="session", autouse=True)
def real_pdf():
    """`with real_pdf():` draws figures in PDF as users get them.

    They are the dearest part of a page, and few tests look into one: the others of this process
    have a word in their place. Processes that tests start draw real ones.
    """
    from ethnicmer_jax.report import style

    drawn = style._pdf

    @contextlib.contextmanager
    def real():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(style, "_pdf", drawn)
            yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "_pdf", lambda figure, title: b"%PDF-1.4 of no figure")
        yield real


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before any fixture of a test, that of a session included: how programs are compiled.

    Tests of networks mostly wait for the compiler. It works half as long where its programs may be
    slow, in this process and in those that tests start; what is computed is the same but for
    rounding. A test `optimised`, and a slow one, has its programs as users get them.
    """
    as_users = any(item.get_closest_marker(name) for name in ("optimised", "slow"))
    quickly = not as_users
    if os.environ.get(_QUICKLY) == str(int(quickly)):
        return
    os.environ[_QUICKLY] = str(int(quickly))
    if "jax" in sys.modules:
        import jax

        jax.config.update(_QUICKLY.lower(), quickly)
        jax.clear_caches()


def _trained(folder: pathlib.Path, data: pathlib.Path, **settings) -> pathlib.Path:
    """The smoke config, smaller still, run to its end in a work directory."""
    from configs import smoke
    from ethnicmer_jax import jobs

    config = smoke.get_config()
    config.data.data_dir = str(data)
    config.data.simulated.cohorts = "simcasme2:Asian:2,simsamm:White:2:grey"
    config.data.simulated.clips_per_subject = 3.0
    config.optim.epochs = 1
    config.update_from_flattened_dict(settings)
    # Once for all processes of the suite.
    with filelock.FileLock(data.parent / "lock"):
        if not (folder / "predictions.csv").is_file():
            jobs.run(config, folder, "train")
    return folder


@pytest.fixture(scope="session")
def simulated_data(tmp_path_factory) -> pathlib.Path:
    """The data directory of the databases behind `trained_workdir` and `trained_embed_workdir`."""
    ours = tmp_path_factory.getbasetemp()
    # Each process of pytest-xdist has a folder of its own in that of the suite.
    whole = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours
    (whole / "trained").mkdir(exist_ok=True)
    return whole / "trained" / "data"


@pytest.fixture(scope="session")
def trained_workdir(simulated_data) -> pathlib.Path:
    """A job with held-out and final models of one branch, on a dozen simulated clips.

    Tests must not write into it.
    """
    return _trained(simulated_data.parent / "none", simulated_data)


@pytest.fixture(scope="session")
def trained_embed_workdir(simulated_data) -> pathlib.Path:
    """The same with an ethnic branch, fusion `embed`."""
    settings = {"model.fusion": "embed"}
    return _trained(simulated_data.parent / "embed", simulated_data, **settings)
