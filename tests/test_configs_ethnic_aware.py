from configs import common, ethnic_aware
from ethnicmer_jax.base import settings


def test_it_is_loso_with_five_seeds_and_the_fusion_asked_for():
    config = ethnic_aware.get_config("concat")
    assert (config.protocol.name, config.protocol.seeds) == ("loso", 5)
    assert config.model.fusion == "concat"
    # Nothing else differs from the common recipe.
    assert config.protocol.final
    config.model.fusion, config.protocol.seeds, config.name = "none", 1, "common"
    config.protocol.final = False
    assert config == common.get_config()
    assert ethnic_aware.get_config().model.fusion == "embed"


def test_it_says_what_every_fusion_is():
    for fusion in settings.RULES["model.fusion"].of:
        assert f"\n  {fusion} " in ethnic_aware.__doc__
