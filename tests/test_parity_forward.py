"""Every backbone computes what PyTorch computes from the same weights, and gives them back."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import torch_dual_atme
import torch_field_networks
import torch_htnet
import torch_ststnet
from genuine_torch import load, randomise, resnet18, state_dict, swin, tiny_vit, torch, vgg16

from ethnicmer_jax import models
from ethnicmer_jax.models import torch_names

SMALL_SWIN = {"width": 32, "depths": (2, 2, 2, 2), "heads": (1, 2, 4, 8)}
SMALL_VGG = {"widths": (4, 8, 8, 16, 16), "hidden": 32}
SMALL_21M = {"widths": (96, 192, 384, 576), "depths": (1, 1, 2, 1)}
RCN_PLAIN = {"form": "plain", "width": 16, "grid": 7}
SMALL_HTNET = {"width": 32, "heads": 3, "depths": (1, 2, 2)}

CASES = {
    "ststnet at 28": ("ststnet", 28, torch_ststnet.STSTNet, {"padding": 2}),
    "ststnet where pooling leaves a rest": (
        "ststnet",
        35,
        lambda: torch_ststnet.STSTNet(size=35),
        {"padding": 2},
    ),
    "off_apexnet": ("off_apexnet", 28, torch_field_networks.OffApexNet, {}),
    "off_apexnet of another size and without ReLU": (
        "off_apexnet",
        34,
        lambda: torch_field_networks.OffApexNet(34, (3, 5), 20, relu=False),
        {"widths": (3, 5), "hidden": 20, "relu": False},
    ),
    "dual_inception": ("dual_inception", 28, torch_field_networks.DualInception, {}),
    "dual_inception of another size and with less ReLU": (
        "dual_inception",
        34,
        lambda: torch_field_networks.DualInception(34, (3, 5), 20, relu=False),
        {"widths": (3, 5), "hidden": 20, "relu": False},
    ),
    "rcn, dense": ("rcn", 28, torch_field_networks.RCN, {}),
    "rcn, plain": ("rcn", 60, lambda: torch_field_networks.RCN("plain", 16, 7), RCN_PLAIN),
    "rcn, wide": ("rcn", 60, lambda: torch_field_networks.RCN("wide"), {"form": "wide"}),
    "dual_atme": ("dual_atme", 28, torch_dual_atme.DualATME, {"attend_parts": True}),
    "dual_atme as in the paper": ("dual_atme", 28, lambda: torch_dual_atme.DualATME(False), {}),
    "htnet, one place in a block": (
        "htnet",
        28,
        lambda: torch_htnet.HTNet(28, **SMALL_HTNET),
        {**SMALL_HTNET, "parts": False},
    ),
    "htnet, four places in a block": (
        "htnet",
        56,
        lambda: torch_htnet.HTNet(56, **SMALL_HTNET),
        {**SMALL_HTNET, "parts": False},
    ),
    "resnet18": ("resnet18", 64, resnet18, {}),
    "resnet18 at an odd size": ("resnet18", 75, resnet18, {}),
    "tiny_vit_5m": ("tiny_vit_5m", 64, lambda: tiny_vit(64), {}),
    "tiny_vit_5m with 3x3 windows, fewer blocks": (
        "tiny_vit_5m",
        96,
        lambda: tiny_vit(96, depths=(1, 1, 2, 1)),
        {"depths": (1, 1, 2, 1)},
    ),
    "tiny_vit_21m, fewer blocks": (
        "tiny_vit_21m",
        64,
        lambda: tiny_vit(64, **SMALL_21M),
        {"depths": SMALL_21M["depths"]},
    ),
    "swin, padded maps": ("swin_b", 64, lambda: swin(**SMALL_SWIN), SMALL_SWIN),
    "swin, maps that windows divide": ("swin_b", 224, lambda: swin(**SMALL_SWIN), SMALL_SWIN),
    "vgg_face at its size": ("vgg_face", 224, lambda: vgg16(**SMALL_VGG), SMALL_VGG),
    "vgg_face, stretched grid": ("vgg_face", 96, lambda: vgg16(**SMALL_VGG), SMALL_VGG),
}


@pytest.mark.parametrize("case", CASES)
def test_forward_equals_pytorch(case, tmp_path):
    name, size, make_genuine, options = CASES[case]
    genuine = randomise(make_genuine()).eval()
    path = tmp_path / "weights.pth"
    torch.save(state_dict(genuine), path)
    images = np.random.default_rng(1).normal(size=(2, size, size, 3)).astype(np.float32)
    with torch.no_grad():
        expected = genuine(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()

    weights = models.read(name, path, image_size=size, **options)
    backbone = models.backbone(name, image_size=size, **options)
    features = jax.jit(lambda v, x: backbone.apply(v, x, train=False))(weights.variables, images)
    logits = np.asarray(features) @ weights.head["kernel"] + weights.head["bias"]

    given_back = randomise(make_genuine(), seed=1).eval()
    kept = {k: torch.from_numpy(v) for k, v in models.state_dict(weights).items()}
    unread = {k: v for k, v in state_dict(given_back).items() if not torch_names.is_read(name, k)}
    load(given_back, {**unread, **kept})
    with torch.no_grad():
        again = given_back(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()

    np.testing.assert_array_equal(again, expected)
    scale = np.abs(expected).max()
    assert scale > 0.1
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5 * scale)
