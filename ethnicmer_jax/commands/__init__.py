"""One thin file per command: flags in, a call into `jobs` or `explain` out.

`python -m ethnicmer_jax` lists them. A command that takes more than flags has `ARGUMENTS`, such
as "INPUT...", and a `main` that is called with the list of them. A command that would be named
as a module of the standard library carries a trailing underscore in its file name (`select_.py`).
"""
