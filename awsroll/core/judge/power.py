"""How long the judge needs to find a bad version, before a rollout: from the traffic and the sizes alone. Pure."""

from awsroll.core.judge.e_process import QUIET_SECONDS, Sensitivity, expect, quiet_share
from awsroll.core.judge.verdicts import factor_needed
from awsroll.core.model.evidence import Evidence, Sample


def seconds_to_find(*, new: int, old: int, rate: float, sensitivity: Sensitivity, interval: float) -> float | None:
    """Return after how many seconds a bad version has been found with the probability `DETECTED`; None: never.

    Args:
        new: the number of new servers.
        old: the number of old servers. They have no errors.
        rate: requests a second, of all servers together.
        sensitivity: how bad the version is, and what the judge may get wrong.
        interval: seconds between two samples.
    """
    if not new or not old:
        return None
    total = rate * interval / (new + old)
    samples = [Sample(instance_id=str(place), is_new=place < new, bad=0, total=total) for place in range(new + old)]
    share = quiet_share(interval, QUIET_SECONDS)
    factor = factor_needed(expect(Evidence(), samples, sensitivity, share=share), sensitivity)
    return None if factor is None else max(1.0, factor) * interval
