"""Every classifier has its views, and refuses heads that it lacks."""

import pytest

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import views
from ethnicmer_jax.models import registry


def build(fusion):
    return registry.build({"fusion": fusion, "n_ethnicities": 2})


@pytest.mark.parametrize(
    ("fusion", "names"),
    [
        ("none", ["final-emotion"]),
        ("bias", ["final-emotion"]),
        ("mtl", ["final-emotion", "ethnic-emotion"]),
        ("adversarial", ["final-emotion", "ethnic-emotion"]),
        ("concat", ["final-emotion", "final-ethnic", "emotion-emotion", "ethnic-ethnic"]),
        ("embed", ["final-emotion", "final-ethnic", "ethnic-ethnic"]),
    ],
)
def test_every_fusion_has_its_views(fusion, names):
    assert [str(view) for view in views.choose(build(fusion))] == names


def test_heads_that_are_not_there_are_refused():
    model = build("mtl")
    with pytest.raises(UserError, match="no emotion head; it has final, ethnic"):
        views.choose(model, ["emotion"])
