"""ethnicmer_jax: does the recognition of micro-expressions depend on ethnicity?"""

__version__ = "0.1.0"
