"""A study: a list of ordinary jobs, and one report over the predictions of all of them.

- `plan`: which jobs there are, and what distinguishes their configs.
- `runner`: runs what is missing of them, then the report.
- `result_files`: predictions, metrics and tables at the top of the study.
"""
