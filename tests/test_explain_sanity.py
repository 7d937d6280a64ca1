"""Similarities and peaks of maps have known answers."""

import numpy as np

from ethnicmer_jax.explain import sanity


def test_similarity_and_peaks_have_known_answers():
    rng = np.random.default_rng(0)
    maps = rng.random((3, 8, 8)).astype(np.float32)
    maps[2] = 0
    np.testing.assert_allclose(sanity.similarity(maps, maps**2)[:2], 1)
    np.testing.assert_allclose(sanity.similarity(maps, 1 - maps)[:2], -1)
    assert np.isnan(sanity.similarity(maps, maps)[2])
    region = np.zeros((3, 8, 8), bool)
    region[0] = maps[0] == maps[0].max()
    region[2] = True
    assert sanity.peak_hits(maps, region).tolist() == [1, 0, 0]
