"""The import order of the house: whoever wants to break it has to say so here."""

import ast
import importlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
OURS = ("ethnicmer_jax", "data_builders", "configs")
HEAVY = {"jax", "jaxlib", "flax", "optax", "orbax"}

ORDER = (
    # What a package may import: itself and whatever stands above it.
    "ethnicmer_jax.base",
    "data_builders.pixels",
    "data_builders.simulation",
    "data_builders.sources",
    "data_builders.ethnicity",
    "data_builders.ethnic_me",
    "data_builders.database",
    "data_builders.annotate",
    "data_builders.build",
    "ethnicmer_jax.data",
    "ethnicmer_jax.models",
    "ethnicmer_jax.protocols",
    "ethnicmer_jax.training",
    "ethnicmer_jax.analysis",
    "ethnicmer_jax.report",
    "ethnicmer_jax.jobs",
    "ethnicmer_jax.inference",
    "ethnicmer_jax.explain",
    "ethnicmer_jax.export",
    "ethnicmer_jax.predict",
    "ethnicmer_jax.api",
    "ethnicmer_jax.commands",
    "ethnicmer_jax.main",
    "ethnicmer_jax.__main__",
)
WITHOUT_JAX = ("base", "data", "protocols", "analysis", "report", "commands")


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for package in OURS for path in sources(package)}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def imports(tree):
    """Every module that a file imports, at its top or within a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            # Of `from package import module`, the module counts; of a name, the module it is in.
            yield from (name if name in MODULES else node.module for name in whole)


def package(module):
    """`ethnicmer_jax.training` for `ethnicmer_jax.training.engine`; None for the top itself."""
    names = module.split(".")
    return ".".join(names[:2]) if names[0] in OURS[:2] and len(names) > 1 else None


ARROWS = sorted(
    {
        (package(name), package(other), name)
        for name, tree in TREES.items()
        for other in imports(tree)
        if package(name) and package(other) and package(name) != package(other)
    }
)


def test_every_package_stands_in_the_order():
    assert {package(name) for name in MODULES} - {None} == set(ORDER)


def test_imports_only_point_upwards():
    wrong = [arrow for arrow in ARROWS if ORDER.index(arrow[0]) < ORDER.index(arrow[1])]
    assert wrong == []


def test_training_and_analysis_do_not_know_each_other():
    wrong = [arrow for arrow in ARROWS if arrow[:2] == tuple(
        f"ethnicmer_jax.{name}" for name in ("analysis", "training"))]  # fmt: skip
    assert wrong == []


def test_no_package_imports_in_a_circle():
    """Within a package, too: a module is imported before those that need it."""
    graph = {name: {m for m in imports(tree) if m in MODULES} for name, tree in TREES.items()}
    graph["ethnicmer_jax"] = set()  # its public names are imported when they are used
    finished, circles = set(), []

    def visit(name, path):
        if name in path:
            circles.append([*path[path.index(name) :], name])
        elif name not in finished:
            for other in graph[name]:
                visit(other, [*path, name])
            finished.add(name)

    for name in graph:
        visit(name, [])
    assert circles == []


def test_builders_need_nothing_of_the_program_but_its_base():
    wrong = [
        arrow
        for arrow in ARROWS
        if arrow[0].startswith("data_builders") and arrow[1].startswith("ethnicmer_jax")
        if arrow[1] != "ethnicmer_jax.base"
    ]
    assert wrong == []


def test_science_needs_no_jax():
    wrong = [
        (name, other)
        for name, tree in TREES.items()
        if name.startswith(tuple(f"ethnicmer_jax.{part}" for part in WITHOUT_JAX))
        for other in imports(tree)
        if other.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_the_report_draws_and_computes_nothing():
    """Estimates, tests and statistics of tables are `analysis`, whose findings a page shows."""
    statistics = {"scipy", "statsmodels", "sklearn"}
    computing = tuple(
        f"ethnicmer_jax.analysis.{name}"
        for name in ("bootstrap", "permutation", "contrast", "counts", "metrics", "correctness")
    )
    methods = {"mean", "median", "std", "var", "quantile", "agg", "nunique"}
    wrong = []
    for name, tree in TREES.items():
        if not name.startswith("ethnicmer_jax.report"):
            continue
        wrong += [
            (name, other)
            for other in imports(tree)
            if other.split(".")[0] in statistics or other.startswith(computing)
        ]
        wrong += [
            (name, node.func.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if node.func.attr in methods
        ]
    assert wrong == []


def test_the_report_runs_without_jax():
    code = (
        "import sys, ethnicmer_jax.report.study.page, ethnicmer_jax.jobs.job\n"
        f"print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_orbax_has_one_importer():
    found = {
        name
        for name, tree in TREES.items()
        for other in imports(tree)
        if other.split(".")[0] == "orbax"
    }
    assert found == {"ethnicmer_jax.training.checkpoint"}


def test_nobody_imports_a_command():
    """Commands define flags of the same names: a process with two of them ends at once."""
    tests = {path.name: ast.parse(path.read_text()) for path in sources("tests")}
    wrong = [
        (name, other)
        for name, tree in {**TREES, **tests}.items()
        for other in imports(tree)
        if other.startswith(
            (
                "ethnicmer_jax.main",
                "ethnicmer_jax.commands.",
                "data_builders.build",
                "data_builders.annotate",
            )
        )
    ]
    assert wrong == []


def test_no_module_is_named_after_one_of_the_standard_library():
    """`python ethnicmer_jax/main.py` would import it in its place."""
    names = {part for name in MODULES for part in name.split(".")}
    assert names & set(sys.stdlib_module_names) == set()


def test_one_place_knows_of_pmap():
    found = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "pmap")
        or (isinstance(node, ast.Name) and node.id == "pmap")
    }
    assert found == {"ethnicmer_jax.training.placement"}


def test_backbones_convolve_and_pool_in_one_way():
    """XLA's own convolutions make a CPU ten times slower; `models/sliding.py` chooses."""
    wrong = [
        f"{name} uses nn.{node.attr}"
        for name, tree in TREES.items()
        if name.startswith("ethnicmer_jax.models.backbones")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("Conv", "max_pool")
        if isinstance(node.value, ast.Name) and node.value.id == "nn"
    ]
    assert wrong == []


def test_no_tensorflow_and_torch_only_to_read_its_weights():
    foreign = {"tensorflow", "torch", "torchvision", "timm", "keras"}
    wrong = {
        (name, other.split(".")[0])
        for name, tree in TREES.items()
        for other in imports(tree)
        if other.split(".")[0] in foreign
    }
    assert wrong <= {("ethnicmer_jax.models.torch_weights", "torch")}


def test_torch_is_imported_when_it_is_needed_only():
    for tree in TREES.values():
        top = ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
        assert not {"torch", "tensorflow"} & {name.split(".")[0] for name in imports(top)}


def test_configs_are_nothing_but_settings():
    wrong = [
        f"{name} imports {other}"
        for name, tree in TREES.items()
        if name.split(".")[0] == "configs"
        for other in imports(tree)
        if other.split(".")[0] not in {"configs", "ml_collections", "__future__"}
    ]
    assert wrong == []


def names_of_ours(tree):
    """Bound name -> our module, for every `from package import module` of a file."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if f"{node.module}.{alias.name}" in MODULES
    }


def rebound(tree):
    """Names that some function or loop of a file uses for something else."""
    stores = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
    arguments = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    return arguments | {n.id for n in stores if not isinstance(n.ctx, ast.Load)}


def test_every_attribute_of_our_modules_exists():
    """A benchmark once went on asking for a function that had been renamed."""
    missing = []
    for path in (path for folder in (*OURS, "benchmarks", "tests") for path in sources(folder)):
        tree = ast.parse(path.read_text())
        bound, other = names_of_ours(tree), rebound(tree)
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            name = node.value.id
            if name in bound and name not in other:
                module = importlib.import_module(bound[name])
                if not hasattr(module, node.attr):
                    missing.append(f"{path.name}:{node.lineno} {bound[name]}.{node.attr}")
    assert missing == []
