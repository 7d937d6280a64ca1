"""How often the study's main comparison is wrong, and what it can find: simulated databases.

- `worlds`: many small databases of a known effect, drawn as motion fields or as frames.
- `trial`: trains the models of many databases together.
- `rounds`: the randomisation test of many databases with any classifier.
- `findings`: what the study would have concluded about each database.
- `randomised`: the randomisation test of a database, with logistic regression.
- `factors`: the variance factors that databases without an effect give.
- `plan`: which databases a calibration needs, in chunks that are trained together.
- `runner`: runs the chunks that are missing.
- `result_files`: files of finished chunks, tables and report.
"""
