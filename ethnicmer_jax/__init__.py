"""Does the recognition of micro-expressions depend on ethnicity? The Python API.

    import ethnicmer_jax as em

    result = em.run("smoke", "runs/smoke")
    model = em.load("runs/smoke")
    table = model.predict("clip.mp4")

What is public stands in `__all__`; docs/api.md is its guide. Names are imported when they are
used: `import ethnicmer_jax` alone loads neither JAX nor pandas nor Matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ethnicmer_jax.api.config import config
    from ethnicmer_jax.api.database import Database, open_database
    from ethnicmer_jax.api.estimator import MicroExpressionClassifier, NoImageWarning
    from ethnicmer_jax.api.model import (
        CaveatWarning,
        HeldOutWarning,
        Maps,
        Model,
        UnusableClipWarning,
        load,
    )
    from ethnicmer_jax.api.results import NotReportableWarning, Result, compare, predictions, run
    from ethnicmer_jax.base.schema import UserError

_HOMES = {
    "config": "ethnicmer_jax.api.config",
    "run": "ethnicmer_jax.api.results",
    "Result": "ethnicmer_jax.api.results",
    "NotReportableWarning": "ethnicmer_jax.api.results",
    "compare": "ethnicmer_jax.api.results",
    "load": "ethnicmer_jax.api.model",
    "Model": "ethnicmer_jax.api.model",
    "Maps": "ethnicmer_jax.api.model",
    "CaveatWarning": "ethnicmer_jax.api.model",
    "HeldOutWarning": "ethnicmer_jax.api.model",
    "UnusableClipWarning": "ethnicmer_jax.api.model",
    "NoImageWarning": "ethnicmer_jax.api.estimator",
    "predictions": "ethnicmer_jax.api.results",
    "open_database": "ethnicmer_jax.api.database",
    "Database": "ethnicmer_jax.api.database",
    "MicroExpressionClassifier": "ethnicmer_jax.api.estimator",
    "UserError": "ethnicmer_jax.base.schema",
}
"""Public name -> the module that it is imported from when it is used."""

__all__ = [
    "CaveatWarning",
    "Database",
    "HeldOutWarning",
    "Maps",
    "MicroExpressionClassifier",
    "Model",
    "NoImageWarning",
    "NotReportableWarning",
    "Result",
    "UnusableClipWarning",
    "UserError",
    "__version__",
    "compare",
    "config",
    "load",
    "open_database",
    "predictions",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
