"""How many calls a whole rollout makes, and how often it writes its record, in the small form of `benchmarks.calls`."""

from benchmarks.calls import measure

SERVERS = 24
MOST = {
    "ec2:RunInstances": 3,  # one for each subnet
    "elbv2:RegisterTargets": 3,
    "elbv2:DeregisterTargets": 1,
    "ec2:TerminateInstances": 2,
    "ec2:CreateTags": SERVERS + 1,  # the name of each server, and one call for all that leave
}


def test_a_standalone_double_half_makes_few_calls_and_writes() -> None:
    measured = measure("standalone", "double-half", SERVERS)

    assert measured.status == "succeeded"
    assert {name: measured.calls[name] for name in MOST if measured.calls[name] > MOST[name]} == {}
    assert measured.mutating <= 1.5 * SERVERS
    assert measured.writes <= 20
