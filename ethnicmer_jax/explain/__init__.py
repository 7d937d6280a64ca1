"""Where trained networks look, by group: maps, masses of facial regions, and what to doubt.

- `views`: which head is explained through which branch.
- `gradcam`, `occlusion`: the maps of a batch of clips.
- `folds`: every clip by the network of its own held-out fold.
- `regions`: maps in the coordinates of aligned faces.
- `mass_tests`: groups compared, by subject.
- `sanity`: random weights, random labels, and where the peak lies.
- `overlays`, `drawings`, `findings`, `page`: what people look at.
"""
