"""What the page concludes follows from the numbers, whichever way they came out."""

import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax.explain import findings, wording
from ethnicmer_jax.explain.findings import Findings
from ethnicmer_jax.explain.folds import Explained
from ethnicmer_jax.explain.sanity import LABELS, RANDOM
from ethnicmer_jax.explain.views import View

VIEW = View("final", "emotion")
NAME = ("gradcam", VIEW)


def made(peaks=(), similarity=()):
    """Findings of one map: (weights, rate, low, high) and (weights, correlation, low, high)."""
    about = {"method": "gradcam", "head": "final", "branch": "emotion", "n_clips": 40}

    def frame(rows, label):
        columns = ["weights", label, "low", "high"]
        return pd.DataFrame(rows, columns=columns).assign(chance=0.07, **about)

    none = pd.DataFrame()
    return Findings(
        none, none, frame(peaks, "rate"), frame(similarity, "correlation"), none, ("a", "b")
    )


def test_maps_that_resemble_those_of_shuffled_labels_are_called_so():
    rows = [(LABELS, 0.41, 0.3, 0.5), (RANDOM, 0.02, -0.1, 0.12)]
    (said,) = wording.conclusion(made([("trained", 0.3, 0.2, 0.4)], rows), NAME)[1:2]
    assert "trained on shuffled emotions resemble it" in said
    assert "0.41 [0.30, 0.50] over 40 clips" in said
    assert len(wording.resemblance(made(similarity=rows), NAME)) == 1


def test_maps_that_resemble_neither_are_not():
    rows = [(LABELS, -0.2, -0.3, -0.1), (RANDOM, np.nan, np.nan, np.nan)]
    assert wording.resemblance(made(similarity=rows), NAME) == []


@pytest.mark.parametrize(
    ("random", "verdict"),
    [(0.1, "depends on what was learnt"), (0.3, "shows the input at least as much")],
)
def test_random_weights_decide_what_the_peak_shows(random, verdict):
    peaks = [("trained", 0.3, 0.25, 0.35), (RANDOM, random, random - 0.03, random + 0.03)]
    (said,) = wording.peak(made(peaks), NAME)
    assert verdict in said


@pytest.mark.parametrize(("layer", "method"), [("last", "hirescam"), ("stage2", "gradcam")])
def test_before_the_last_map_grad_cam_is_spoken_of(layer, method):
    maps = {(name, VIEW): np.zeros((1, 2, 2)) for name in ("gradcam", "hirescam", "occlusion")}
    nobody = np.zeros(1, int)
    explained = Explained(layer, nobody.astype(str), nobody, {}, {}, maps)
    assert findings.primary(explained) == (method, VIEW)
