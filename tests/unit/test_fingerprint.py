"""A plan is valid for the fleet it was made for: each difference is reported, except health."""

from dataclasses import replace

import pytest

from awsroll.core.model.fingerprint import Fingerprint, GroupSettings, Member, differences
from awsroll.core.model.observation import TargetKey

ON_WEB, ON_API = TargetKey(target_group="arn:web", port=80), TargetKey(target_group="arn:api", port=81)
FIRST, SECOND = Member(instance_id="i-1", version="lt-1:1"), Member(instance_id="i-2", version="lt-1:1")
SETTINGS = GroupSettings(minimum=1, maximum=4, desired=2, template="lt-1:$Latest", zones=("subnet-a", "zone-a"))
PLANNED = Fingerprint(
    fleet="web",
    region="us-east-1",
    account="111111111111",
    members=(FIRST, SECOND),
    target_groups=("arn:web",),
    group=SETTINGS,
)

DRIFT = {
    "a-server-more": (
        {"members": (FIRST, SECOND, Member(instance_id="i-3", version=""))},
        "i-3 (unknown) is new in the fleet",
    ),
    "a-server-less": ({"members": (FIRST,)}, "i-2 is no longer in the fleet"),
    "another-version": (
        {"members": (FIRST, replace(SECOND, version="lt-1:2"))},
        "the version of i-2 is lt-1:2, but the plan has lt-1:1",
    ),
    "registered-elsewhere": (
        {"members": (FIRST, replace(SECOND, registered=(ON_API,)))},
        "registration of i-2 is new: arn:api port 81",
    ),
    "target-group-gone": ({"target_groups": ()}, "target group is gone: arn:web"),
    "target-group-new": ({"target_groups": ("arn:api", "arn:web")}, "target group is new: arn:api"),
    "extra-registration": (
        {"extra_targets": (ON_WEB,)},
        "registration outside the group's own target groups is new: arn:web port 80",
    ),
    "min": ({"group": replace(SETTINGS, minimum=0)}, "the group's min size is 0, but the plan has 1"),
    "max": ({"group": replace(SETTINGS, maximum=5)}, "the group's max size is 5, but the plan has 4"),
    "desired": ({"group": replace(SETTINGS, desired=3)}, "the group's desired capacity is 3, but the plan has 2"),
    "template": (
        {"group": replace(SETTINGS, template="lt-1:2")},
        "the group's launch template is lt-1:2, but the plan has lt-1:$Latest",
    ),
    "zones": (
        {"group": replace(SETTINGS, zones=("zone-a",))},
        "zone or subnet of the group is gone: subnet-a",
    ),
    "account": ({"account": ""}, "the account is unknown, but the plan has 111111111111"),
    "region": ({"region": "eu-west-1"}, "the region is eu-west-1, but the plan has us-east-1"),
    "fleet": ({"fleet": "db", "group": None}, "the fleet is db, but the plan has web"),
}


def test_the_same_fleet_has_no_differences() -> None:
    assert differences(PLANNED, replace(PLANNED)) == ()


@pytest.mark.parametrize(("change", "said"), DRIFT.values(), ids=DRIFT)
def test_each_difference_is_reported(change: dict[str, object], said: str) -> None:
    assert differences(PLANNED, replace(PLANNED, **change)) == (said,)  # type: ignore[arg-type]


def test_all_differences_are_reported_together() -> None:
    found = replace(PLANNED, members=(SECOND,), group=replace(SETTINGS, desired=1))

    assert differences(PLANNED, found) == (
        "the group's desired capacity is 1, but the plan has 2",
        "i-1 is no longer in the fleet",
    )
