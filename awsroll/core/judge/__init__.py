"""Compares the new servers with the old ones at the same time. Pure numbers: counts in, evidence and a verdict out."""
