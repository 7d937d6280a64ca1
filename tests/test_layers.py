"""The import order of the house: whoever wants to break it has to say so here."""

import ast
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
OURS = ("ethnicmer_jax", "data_builders", "configs")
HEAVY = {"jax", "jaxlib", "flax", "optax", "orbax"}
COMMANDS = (
    *("main", "sweep.__main__", "select", "ensemble.__main__", "explain.__main__", "calibrate"),
    "models.summary",
)

LAYERS = (
    # What a layer may import: itself and whatever stands above it.
    {"schema", "cli", "workdir", "environment"},
    {"dataset", "predictions", "confusion", "metrics", "stats", "action_units", "models"},
    {"sweep", "sweep.grid", "sweep.results"},
    {"protocols"},
    {
        *(
            "targets",
            "ethnic_controls",
            "inputs",
            "losses",
            "optim",
            "batches",
            "fold",
            "fold_grid",
        ),
        *("fold_results", "scalars", "checkpoint", "settings", "layout", "pretrained", "probe"),
    },
    {"engine", "shallow"},
    {"preparation", "report"},
    {
        *("job", "study", "sweep.runner", "sweep.selection", "derived"),
        *("calibration", "ensemble"),
    },
    {"explain", *COMMANDS},
)
WITHOUT_JAX = ("schema", "cli", "dataset", "predictions", "confusion", "metrics", "stats",
               "action_units", "report", "protocols")  # fmt: skip


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def imports(path):
    """Every module that a file imports, at its top or within a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(module):
    """`metrics` for `ethnicmer_jax.metrics.f`; None for modules of others.

    A module of a package is its own part where a layer names it, such as `sweep.runner`.
    """
    names = module.split(".")
    if names[0] != "ethnicmer_jax" or len(names) == 1:
        return None
    own = ".".join(names[1:3])
    return own if rank(own) is not None else names[1]


def part_of(path):
    return part(".".join(path.relative_to(ROOT).with_suffix("").parts))


def files_of(*parts):
    return [path for path in sources("ethnicmer_jax") if part_of(path) in parts]


def rank(name):
    return next((i for i, layer in enumerate(LAYERS) if name in layer), None)


def test_every_module_stands_in_a_layer():
    parts = {part_of(path) for path in sources("ethnicmer_jax")}
    assert parts - {"__init__"} == set().union(*LAYERS)


def test_imports_only_point_upwards():
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for layer in LAYERS
        for name in layer
        for path in files_of(name)
        for module in imports(path)
        if (other := part(module)) and rank(other) is not None and rank(other) > rank(name)
    ]
    assert wrong == []


def test_schema_imports_nothing_of_ours():
    assert [m for m in imports(ROOT / "ethnicmer_jax/schema.py") if m.split(".")[0] in OURS] == []


def test_builders_need_the_schema_and_each_other_only():
    allowed = {"schema", "cli"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources("data_builders")
        for module in imports(path)
        if module.split(".")[0] == "configs" or (part(module) or "schema") not in allowed
    ]
    assert wrong == []


def test_science_needs_no_jax():
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files_of(*WITHOUT_JAX)
        for module in imports(path)
        if module.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_the_report_runs_without_jax():
    code = (
        "import sys, ethnicmer_jax.report.study.page, ethnicmer_jax.job\n"
        f"print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_orbax_has_one_importer():
    found = {
        str(path.relative_to(ROOT))
        for package in OURS
        for path in sources(package)
        for module in imports(path)
        if module.split(".")[0] == "orbax"
    }
    assert found == {"ethnicmer_jax/checkpoint.py"}


def test_nobody_imports_a_command():
    """Commands define flags of the same names: a process with two of them ends at once."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for package in (*OURS, "tests")
        for path in sources(package)
        for module in imports(path)
        if module in {f"ethnicmer_jax.{name}" for name in COMMANDS}
    ]
    assert wrong == []


def test_one_place_knows_of_pmap():
    found = {
        str(path.relative_to(ROOT))
        for package in OURS
        for path in sources(package)
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr == "pmap")
        or (isinstance(node, ast.Name) and node.id == "pmap")
    }
    assert found == {"ethnicmer_jax/fold_grid.py"}


def test_backbones_convolve_and_pool_in_one_way():
    """XLA's own convolutions make a CPU ten times slower; `models/sliding.py` chooses."""
    wrong = [
        f"{path.relative_to(ROOT)} uses nn.{node.attr}"
        for path in sources("ethnicmer_jax/models/backbones")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("Conv", "max_pool")
        if isinstance(node.value, ast.Name) and node.value.id == "nn"
    ]
    assert wrong == []


def test_no_tensorflow_and_torch_only_to_read_its_weights():
    wrong = {
        (str(path.relative_to(ROOT)), module.split(".")[0])
        for package in OURS
        for path in sources(package)
        for module in imports(path)
        if module.split(".")[0] in {"tensorflow", "torch", "torchvision", "timm", "keras"}
    }
    assert wrong <= {("ethnicmer_jax/models/torch_weights.py", "torch")}


def test_torch_is_imported_when_it_is_needed_only():
    for path in sources("ethnicmer_jax"):
        top = ast.parse(path.read_text()).body
        names = {a.name for node in top if isinstance(node, ast.Import) for a in node.names}
        names |= {node.module for node in top if isinstance(node, ast.ImportFrom)}
        assert not {"torch", "tensorflow"} & {name.split(".")[0] for name in names}


def test_configs_are_nothing_but_settings():
    wrong = [
        f"{path.name} imports {module}"
        for path in sources("configs")
        for module in imports(path)
        if module.split(".")[0] not in {"configs", "ml_collections", "__future__"}
    ]
    assert wrong == []
