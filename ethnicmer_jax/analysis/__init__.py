"""From predictions to numbers, and to what may be said of them; no JAX, no drawing.

The unit is always the person, never the clip: clips of one person are not independent,
so resampling, permuting and clustering all act on whole persons (database, subject).

- `counts`, `confusion`: predictions as one confusion matrix per (run, person), and scores.
- `metrics`, `results`: pooled scores of runs, arms and groups.
- `intervals`, `advantage`: intervals of scores and of differences of scores.
- `permutation`, `correctness`, `effects`: tests, models and effect sizes.
- `comparisons`, `conclusion`: what is compared, what it has to survive, what may be said of it.
- `matching`, `probe`, `action_units`, `sweep`, `study`: one question each.

Everything random is a function of its `seed`.
"""
