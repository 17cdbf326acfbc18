"""How long the searching tests search: `AWSROLL_HYPOTHESIS=long` is the nightly profile."""

import os

LONG = os.environ.get("AWSROLL_HYPOTHESIS") == "long"
