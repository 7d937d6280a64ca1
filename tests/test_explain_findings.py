"""Which map is spoken of first."""

import numpy as np
import pytest

from ethnicmer_jax.explain import findings
from ethnicmer_jax.explain.folds import ClipMaps
from ethnicmer_jax.explain.views import View

VIEW = View("final", "emotion")


@pytest.mark.parametrize(("layer", "method"), [("last", "hirescam"), ("stage2", "gradcam")])
def test_before_the_last_map_grad_cam_is_spoken_of(layer, method):
    maps = {
        (name, VIEW): np.zeros((1, 28, 28), np.float32)
        for name in ("gradcam", "hirescam", "occlusion")
    }
    nobody = np.zeros(1, int)
    clip_maps = ClipMaps(layer, nobody.astype(str), nobody, {}, {}, maps)
    assert findings.primary(clip_maps) == (method, VIEW)
