"""Every backbone at its smallest: the same layers, fewer channels and blocks."""

SMALLEST = {
    "ststnet": {"image_size": 28},
    "off_apexnet": {"image_size": 8, "options": {"widths": (2, 4), "hidden": 8}},
    "dual_inception": {"image_size": 8, "options": {"widths": (2, 3), "hidden": 8}},
    "rcn": {"image_size": 12, "options": {"width": 4, "grid": 2}},
    "dual_atme": {"image_size": 8, "options": {"widths": (2, 3), "hidden": 8}},
    "htnet": {"image_size": 28, "options": {"width": 6, "depths": (1, 1, 1)}},
    "resnet18": {"image_size": 32, "options": {"widths": (8, 8, 8, 8)}},
    "tiny_vit_5m": {"image_size": 32, "options": {"depths": (1, 1, 1, 1)}},
    "tiny_vit_21m": {"image_size": 32, "options": {"depths": (1, 1, 1, 1)}},
    "swin_b": {"image_size": 32, "options": {"width": 32, "depths": (1, 1, 2, 1)}},
    "vgg_face": {"image_size": 32, "options": {"widths": (4, 4, 4, 4, 4), "hidden": 16}},
}


def config(fusion="none", backbone="ststnet", **others):
    """A model config of two branches of that backbone."""
    chosen = SMALLEST[backbone]
    options = chosen.get("options", {})
    return {
        "fusion": fusion,
        "emotion_backbone": backbone,
        "ethnic_backbone": backbone,
        "image_size": chosen["image_size"],
        "ethnic_image_size": chosen["image_size"],
        "emotion_options": options,
        "ethnic_options": options,
        "n_ethnicities": 2,
        **others,
    }
