"""The version, also of the Lambda bundle, in which no package's metadata say it."""

__version__ = "0.1.0"
