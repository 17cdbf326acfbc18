"""Where records of rollouts are kept, and who may drive one: today a directory on this machine.

A store writes by compare-and-swap; it knows nothing of AWS or of what a record means.
"""

from awsroll.stores.local import LocalStore, default_directory
from awsroll.stores.locks import Driver

__all__ = ["Driver", "LocalStore", "default_directory"]
