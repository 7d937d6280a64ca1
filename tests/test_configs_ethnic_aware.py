import pytest

from configs import common, ethnic_aware
from ethnicmer_jax.models import registry


def test_it_is_loso_with_five_seeds_and_the_fusion_asked_for():
    config = ethnic_aware.get_config("concat")
    assert (config.protocol.name, config.protocol.seeds) == ("loso", 5)
    assert config.model.fusion == "concat"
    # Nothing else differs from the common recipe.
    config.model.fusion, config.protocol.seeds, config.name = "none", 1, "common"
    assert config == common.get_config()
    assert ethnic_aware.get_config().model.fusion == "embed"


def test_arguments_set_both_branches_or_one():
    model = ethnic_aware.get_config(
        "concat,backbone=resnet18,size=112,ethnic_backbone=ststnet,ethnic_input=apex"
    ).model
    assert (model.emotion_backbone, model.ethnic_backbone) == ("resnet18", "ststnet")
    assert (model.image_size, model.ethnic_image_size) == (112, 112)
    assert (model.emotion_input, model.ethnic_input) == ("flow", "apex")
    config = ethnic_aware.get_config("embed,labels=shuffled,embed_source=label,epochs=3,seeds=2")
    assert (config.model.ethnic_labels, config.model.embed_source) == ("shuffled", "label")
    assert (config.optim.epochs, config.protocol.seeds) == (3, 2)


def test_every_fusion_and_backbone_of_the_registry_can_be_named():
    assert set(ethnic_aware.FUSIONS) == set(registry.FUSIONS)
    assert set(ethnic_aware.BACKBONES) == set(registry.BACKBONES)
    for fusion in ethnic_aware.FUSIONS:
        assert f"\n  {fusion} " in ethnic_aware.__doc__


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("film", "fusion 'film': choose one of none, bias, mtl, concat, mean, embed, adversarial"),
        ("", "fusion '': choose one of"),
        ("backbone=ststnet", "fusion 'backbone=ststnet': choose one of"),
        ("embed,backbone=resnet", "backbone 'resnet': choose one of ststnet, resnet18"),
        ("embed,backbon=resnet18", "argument 'backbon=resnet18': choose KEY=VALUE of backbone"),
        ("embed,", "argument '': choose KEY=VALUE"),
        ("embed,epochs=many", "epochs 'many': it must be a whole number"),
        ("embed,size=-3", "size '-3': it must be a whole number"),
        ("embed,labels=", "labels '': choose one of annotated"),
    ],
)
def test_a_wrong_argument_is_one_line_with_the_choices(arguments, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        ethnic_aware.get_config(arguments)
    assert "\n" not in str(caught.value)
