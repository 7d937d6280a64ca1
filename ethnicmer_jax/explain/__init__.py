"""Where trained networks look, by group: maps, masses of facial regions, and what to doubt.

- `views`: which head is explained through which branch.
- `gradcam`, `occlusion`: the maps of a batch of clips.
- `folds`: every clip by the network of its own held-out fold.
- `regions`: maps in the coordinates of aligned faces.
- `mass_tests`: groups compared, by subject.
- `sanity`, `networks`: random weights, random labels, and where the peak lies.
- `findings`, `wording`: the numbers, and what may be said of them.
- `overlays`, `drawings`, `gallery`, `page`, `files`: what people look at.
- `request`, `run`: what a command line asks for, and its answer.
"""
