"""What every other package may use, and imports nothing of ours outside itself.

- `schema`: vocabularies, record types, `UserError`.
- `grouping`: which ethnicities count as which group.
- `predictions`: the table that training hands over to the science.
- `files`: files that appear whole or not at all, and the work directory's config.
- `cli`, `environment`: how a command starts and fails, and what made a result.
"""
