"""Where trained networks look, by group: maps, masses of facial regions, and what to doubt.

- `request`: what a command line asks for.
- `views`: which head is explained through which branch.
- `maps`: Grad-CAM, HiResCAM and occlusion of a batch of clips.
- `folds`: every clip by the network of its own held-out fold.
- `sanity`: the same with random weights and random labels, and where the peak lies.
- `regions`: maps in the coordinates of aligned faces.
- `findings`, `conclusion`: the numbers, and what may be said of them.
- `figures`, `page`: what people look at.
- `run`: from a request to its page and the files beside it.
"""
