"""How classifiers of ImageNet want their pixels: (pixel / 255 - mean) / deviation, by channel."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Of R, G and B."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of R, G and B."""
