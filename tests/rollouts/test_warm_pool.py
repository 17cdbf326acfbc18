"""A group with a warm pool on the embedded AWS, through the public functions."""

from pathlib import Path

import pytest

from awsroll.errors import FleetError
from tests.rollouts.rolling import enter, make_sandbox

POOL = {"MinSize": 1, "PoolState": "Stopped", "InstanceReusePolicy": {"ReuseOnScaleIn": True}}


def test_a_purged_pool_is_restored(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        sandbox.session().client("autoscaling").put_warm_pool(AutoScalingGroupName="web", **POOL)
        operations: list[str] = []
        sandbox.on_call(lambda _service, operation, _parameters: operations.append(operation))

        with pytest.raises(FleetError, match="pass --warm-pool purge"):
            rolling.roll()
        report = rolling.roll(warm_pool="purge")

        assert report.succeeded, report.reason
        assert rolling.serving_versions() == {"v2": 2}
        assert operations.index("DeleteWarmPool") < operations.index("TerminateInstanceInAutoScalingGroup")
        assert rolling.group()["WarmPoolConfiguration"] == POOL
        assert not [tag for tag in rolling.group()["Tags"] if tag["Key"].startswith("awsroll:")]
