"""Names and sizes: what exists is built, the rest is refused in one helpful line."""

from __future__ import annotations

import jax
import ml_collections
import pytest

from configs import common
from ethnicmer_jax import models
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import cost

# Published: torchvision's and timm's model cards; VGG-Face's 2,622 identities.
# STSTNet: (27 + 1)·16 + 2·16 + (400 + 1)·3. OFF-ApexNet and Dual-Inception: the 2.66 M and 6.45 M
# that github.com/ECNU-Cross-Innovation-Lab/PRICAI2021-Off-TANet counts. RCN-S: its authors' code
# with 32 feature maps and pooling to 5 has 24,643, of which a convolution that is never called
# (32·32·9 + 3·32 = 9,312) is not here. Dual-ATME and HTNet: counted in their authors' code.
PUBLISHED = {
    "ststnet": (3, 1_683),
    "off_apexnet": (3, 2_664_475),
    "dual_inception": (3, 6_449_867),
    "rcn": (3, 24_643 - 9_312),
    "dual_atme": (3, 4_833_193),
    "htnet": (3, 139_582_982),
    "resnet18": (1000, 11_689_512),
    "tiny_vit_5m": (1000, 5_392_764),
    "tiny_vit_21m": (1000, 21_198_568),
    "swin_b": (1000, 87_768_224),
    "vgg_face": (2622, 145_002_878),
}


@pytest.mark.parametrize("name", models.BACKBONES)
def test_parameter_counts_equal_the_published(name):
    classes, expected = PUBLISHED[name]
    config = {"emotion_backbone": name, "n_emotions": classes}
    assert cost.of(config).parameters == expected


def test_operations_of_resnet18_are_near_the_published():
    # 1.814 GMACs on torchvision's card, two operations each; the rest is BatchNorm and ReLU.
    found = cost.of({"emotion_backbone": "resnet18"}).gflops
    assert found == pytest.approx(2 * 1.814, rel=0.01)


def test_operations_are_not_counted_without_a_cpu(monkeypatch):
    """Plugins of accelerators offer no count, and JAX_PLATFORMS=cuda hides the CPU."""

    def hidden(backend=None):
        raise RuntimeError(f"Unknown backend {backend}")

    monkeypatch.setattr(jax, "local_devices", hidden)
    with pytest.raises(UserError, match="JAX_PLATFORMS=cuda,cpu"):
        cost.of({"emotion_backbone": "ststnet"})


@pytest.mark.parametrize("size", [224, 384, 512])
def test_tiny_vit_windows_follow_the_published_sizes(size):
    config = {"emotion_backbone": "tiny_vit_21m", "image_size": size}
    inputs = models.example_inputs(config)
    variables = jax.eval_shape(
        lambda: models.build(config).init(jax.random.key(0), inputs, train=False)
    )
    stages = variables["params"]["emotion_backbone"]
    sides = [
        stages[f"stages_{stage}"]["blocks_0"]["attn"]["attention_biases"].shape[1] ** 0.5
        for stage in (1, 2, 3)
    ]
    assert sides == {224: [7, 14, 7], 384: [12, 24, 12], 512: [16, 32, 16]}[size]


@pytest.mark.parametrize("fusion", models.FUSIONS)
def test_configs_and_fusions_have_the_same_defaults(fusion):
    config = {**common.get_config().model.to_dict(), "fusion": fusion}
    assert models.build(config).fusion == models.build({"fusion": fusion}).fusion


def test_a_config_dict_is_enough():
    config = ml_collections.ConfigDict(
        {"fusion": "concat", "emotion_backbone": "ststnet", "emotion_options": {"dropout": 0.5}}
    )
    model = models.build(config)
    assert model.emotion_backbone.dropout == 0.5
    assert model.ethnic_backbone.dropout == 0.0


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"emotion_backbone": "resnet81"}, ("resnet81", "ststnet, off_apexnet, dual_inception")),
        ({"ethnic_backbone": "vgg", "fusion": "mean"}, ("vgg", "vgg_face")),
        ({"fusion": "late"}, ("late", "none, bias, mtl, concat, mean, embed, adversarial")),
        ({"fusion": "embed", "embed_source": "photo"}, ("photo", "posterior, label")),
        ({"compute_dtype": "float8"}, ("float8", "float32, bfloat16")),
        ({"image_size": 12}, ("'ststnet'", "12 px", "from 28 px")),
        ({"emotion_backbone": "swin_b", "image_size": 230}, ("230 px", "steps of 32")),
        ({"emotion_options": {"depth": 3}}, ("'ststnet'", "depth")),
        ({"emotion_backbone": "rcn", "emotion_options": {"width": "32"}}, ("'rcn'", "width")),
    ],
)
def test_what_does_not_exist_is_refused_in_one_line(config, words):
    with pytest.raises(UserError) as caught:
        models.build(config)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("options", "words"), [({"form": "f"}, "plain, dense, wide"), ({"width": 30}, "multiple of 4")]
)
def test_options_that_no_network_can_be_made_of_are_refused_in_one_line(options, words):
    with pytest.raises(UserError, match=words) as caught:
        cost.of({"emotion_backbone": "rcn", "emotion_options": options})
    assert "\n" not in str(caught.value)


def test_input_size_of_an_unknown_backbone():
    assert models.input_size("tiny_vit_21m") == 224
    with pytest.raises(UserError, match="choose one of"):
        models.input_size("lenet")


@pytest.mark.parametrize(("name", "size"), [("resnet18", 28), ("swin_b", 40), ("ststnet", 20)])
def test_a_table_goes_on_after_a_size_that_is_not_taken(name, size):
    refused = cost.row({"emotion_backbone": name, "image_size": size})
    assert list(refused) == ["input"]
    assert f"does not take {size} px" in refused["input"]


def test_a_table_refuses_a_name_that_does_not_exist():
    with pytest.raises(UserError, match="choose one of"):
        cost.row({"emotion_backbone": "lenet"})
