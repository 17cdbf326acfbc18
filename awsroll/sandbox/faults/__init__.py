"""Faults by rule: which calls fail, when, and as what, in the words of each AWS service."""
