"""Inference about pooled predictions. The unit is always the person, never the clip.

Clips of one person are not independent, so resampling, permuting and clustering
all act on whole persons (database, subject).

- `subjects`: predictions as one confusion matrix a (run, person).
- `bootstrap`: intervals for scores and for differences of scores.
- `permutation`: tests of model against model, and of group against group.
- `correctness`: logistic models of whether a clip is recognised.
- `effects`: effect sizes, Holm's correction, smallest detectable effects.

Everything random is a function of its `seed`.
"""
