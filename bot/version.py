"""The version that runs; that of pyproject.toml."""

VERSION = "0.1.0"
