"""Roll a group from Python, check the new fleet, and go back if the check fails.

python examples/deploy.py web 7
"""

import logging
import sys
from http import HTTPStatus
from urllib.request import urlopen

import awsroll


def answers(url: str = "http://localhost/health") -> bool:
    """Return whether the application answers; replace it with your own check."""
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


def deploy(group: str, version: str) -> awsroll.Report:
    """Roll a group to a version of its launch template, a quarter at a time."""
    spec = awsroll.RolloutSpec(asg=group, launch_template=f"{group}:{version}", concurrent="25%", launch_first=True)
    report = awsroll.roll(spec)
    report.raise_for_status()
    return report


def main(group: str, version: str) -> int:
    """Deploy; return 0 if the fleet serves the new version."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    report = deploy(group, version)
    if answers():
        return 0
    awsroll.rollback(report.rollout_id).raise_for_status(awsroll.Outcome.ROLLED_BACK)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
