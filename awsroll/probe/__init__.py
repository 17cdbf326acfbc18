"""Experiments on a real account, for the questions about AWS that documentation does not answer.

`experiments` lists them. `run` carries them out in an environment that `base` builds, within the limits of `guard`.
`ledger` knows every resource before it exists, so that `teardown` deletes all of them, also after a crash. `transcript`
records each call, and `results` is what the sandbox loads. Nothing here listens, and no rollout uses this package.
"""

from awsroll.probe.experiments import EXPERIMENTS, Description, Experiment
from awsroll.probe.guard import Limits
from awsroll.probe.run import Probe, ProbeOutcome, tear_down_only

__all__ = ["EXPERIMENTS", "Description", "Experiment", "Limits", "Probe", "ProbeOutcome", "tear_down_only"]
