"""Results of the points of a sweep, for the tests of its numbers and of its page."""

import report_workdir

from ethnicmer_jax.analysis.sweep import Result
from ethnicmer_jax.base.predictions import Predictions

REAL = {"data": {"source": "manifest"}}
HOSTILE = "fusion=<script>|*x*"


def made(hit_rate, runs=("loso-seed0", "loso-seed1")):
    return Predictions.from_table(report_workdir.table(runs, hit_rate))


def result(name, predictions=None, seconds=None, error=None, config=REAL, **overrides):
    return Result(name, overrides, config, predictions, seconds, error)


def four():
    """Two finished points, one that failed, one that is not finished."""
    return [
        result("base", made(0.5), 90.0),
        result("epochs=80", made(0.95), 30.0, epochs=80),
        result(HOSTILE, None, None, "no fusion <script>", fusion="<script>"),
        result("epochs=9", None, 5.0, epochs=9),
    ]
