"""The report of a study: from its predictions to what they allow one to say, and the page.

- `runs`: the runs by contrast, cell and draw, counted once.
- `estimates`, `groups`, `controls`: the numbers.
- `verdict`: what they allow one to say.
- `figures`, `sections`, `groups_section`, `reference`, `action_units`, `methods`: the parts
  of the page.
- `page`: from the files of a study's directory to its report.
"""
