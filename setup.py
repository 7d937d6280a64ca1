from setuptools import setup

setup()  # noqa: E702 - everything is declared in pyproject.toml
