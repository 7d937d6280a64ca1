"""From a fold table and clips to predictions: one engine, and the shallow classifiers.

A clip's flow on its way from a data set to logits:

  data.dataset   the clips as arrays
  data.inputs    scaled, clip by clip, to the images of a branch
  device_data    laid out for the backbone, with mirrored copies, and put on every device
  batches        which clips a fold sees in a step
  fold           gathered into a batch, and through the classifier of `models`
  losses, optim  one step of one fold

and what drives it:

  placement      folds over the devices and within them, the only place that knows of pmap
  flights        as many folds at a time as there is memory for, and their compiled programs
  epochs         the loop over the epochs of a flight, with checkpoints and learning curves
  engine         all folds of a table: trained, resumed, predicted
  fold_results   one file per flight, until all folds are there and become predictions.csv

`shallow` has the classifiers of scikit-learn: the same folds, the same table of predictions.
"""
