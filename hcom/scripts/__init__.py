"""Workflows on the Python API, which `hcom run` lists and runs."""
