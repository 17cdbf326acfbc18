"""The room for vCPUs in the account's quota: a note, a warning, or a refusal of a rollout that could not go on."""

from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.aws.connection import Connection
from awsroll.core.model.finding import NOTE
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError
from awsroll.preflight import Prepared, prepare
from awsroll.preflight.vcpu_checks import bucket_of
from awsroll.sandbox import ApiError, ConnectionLost, Fleet, Sandbox
from tests.support.amazon import sandbox


class Bench:
    """A fleet of three servers with two vCPUs each."""

    def __init__(self, made: Sandbox, aws: Connection, built: Fleet) -> None:
        self.sandbox, self.aws, self.built = made, aws, built

    def prepare(self, **changes: Any) -> Prepared:
        named = {"asg": "web"} if self.built.group_name else {"target_group": self.built.target_group_arns}
        return prepare(RolloutSpec(**{**named, "launch_template": self.built.template_id, **changes}), self.aws)

    def notes(self, **changes: Any) -> str:
        return " | ".join(one.message for one in self.prepare(**changes).findings if one.severity == NOTE)

    def refuse(self, failure: Exception) -> None:
        def answer(service: str, _operation: str, _parameters: Any) -> None:
            if service == "service-quotas":
                raise failure

        self.sandbox.on_call(answer)


@pytest.fixture(name="bench", params=["standalone", "group"])
def _bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with sandbox() as (made, aws):
        grouped = request.param == "group"
        build = made.auto_scaling_fleet if grouped else made.standalone_fleet
        yield Bench(made, aws, build(zones=3, **({"desired": 3} if grouped else {"servers": 3})))


def test_free_vcpus_are_a_note(bench: Bench) -> None:
    bench.sandbox.change_options(vcpu_quota=20)
    noted = (
        "up to 6 servers run at the same time, draining ones included: 3 more t3.micro with 6 vCPUs. 14 of 20 vCPUs "
        "are free in the account's quota L-1216C47A"
    )
    assert noted in bench.notes(strategy=Strategy.DOUBLE_HALF)
    assert bench.prepare(strategy=Strategy.DOUBLE_HALF).warnings == ()


def test_a_large_quota_is_written_in_full(bench: Bench) -> None:
    bench.sandbox.change_options(vcpu_quota=1_000_006)

    assert "1,000,000 of 1,000,006 vCPUs are free" in bench.notes(strategy=Strategy.DOUBLE_HALF)


def test_a_new_half_without_room_is_refused(bench: Bench) -> None:
    bench.sandbox.change_options(vcpu_quota=11)
    with pytest.raises(FleetError, match=r"3 more t3\.micro with 6 vCPUs, but 5 of 11 vCPUs are free"):
        bench.prepare(strategy=Strategy.DOUBLE_HALF)
    assert bench.aws.calls.mutating == 0


def test_a_surge_without_room_is_refused_and_with_max_unavailable_it_waits(bench: Bench) -> None:
    bench.sandbox.change_options(vcpu_quota=7)
    with pytest.raises(FleetError, match=r"but 1 of 7 vCPUs are free .* ask AWS for a higher quota"):
        bench.prepare(launch_first=True)
    (warning,) = bench.prepare().warnings
    assert "launches may have to wait until old servers are terminated" in warning


def test_little_room_is_a_warning_with_the_cap_that_fits(bench: Bench) -> None:
    bench.sandbox.change_options(vcpu_quota=9)
    (warning,) = bench.prepare(launch_first=True, concurrent=2).warnings
    assert "but 3 of 9 vCPUs are free" in warning
    assert "--max-running 4 keeps to the quota" in warning


def test_other_instances_of_the_region_count_if_they_are_of_the_same_bucket(bench: Bench) -> None:
    ec2 = bench.sandbox.session().client("ec2")
    for kind in ("m5.xlarge", "g4dn.xlarge"):
        ec2.run_instances(ImageId="ami-0123456789abcdef0", InstanceType=kind, MinCount=1, MaxCount=1)
    bench.sandbox.jump(5)
    bench.sandbox.change_options(vcpu_quota=20)
    assert "10 of 20 vCPUs are free" in bench.notes(launch_first=True)


def test_the_type_of_the_new_version_counts(bench: Bench) -> None:
    ec2 = bench.sandbox.session().client("ec2")
    image = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "m5.xlarge"}
    ec2.create_launch_template_version(LaunchTemplateId=bench.built.template_id, LaunchTemplateData=image)
    ec2.run_instances(**image, MinCount=1, MaxCount=1)
    bench.sandbox.jump(5)
    bench.sandbox.change_options(vcpu_quota=30)
    assert "3 more m5.xlarge with 12 vCPUs" in bench.notes(strategy=Strategy.DOUBLE_HALF)


def test_a_type_that_no_server_has_yet_is_a_warning_whatever_the_room(bench: Bench) -> None:
    """The new type may be smaller than the old one, so nothing is refused for lack of room."""
    ec2 = bench.sandbox.session().client("ec2")
    data = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "m5.xlarge"}
    ec2.create_launch_template_version(LaunchTemplateId=bench.built.template_id, LaunchTemplateData=data)

    for quota in (6, 1000):
        bench.sandbox.change_options(vcpu_quota=quota)
        (warning,) = (one for one in bench.prepare(strategy=Strategy.DOUBLE_HALF).warnings if "vCPU" in one)
        assert "if a m5.xlarge has as many as a t3.micro" in warning


@pytest.mark.parametrize(
    "failure", [ApiError("AccessDeniedException", "not authorized", 403), ConnectionLost()], ids=["denied", "no-answer"]
)
def test_without_an_answer_the_need_is_a_warning(bench: Bench, failure: Exception) -> None:
    bench.refuse(failure)
    (warning,) = bench.prepare(launch_first=True).warnings
    assert "room for 2 more (4 vCPUs)" in warning
    assert "could not read the quota" in warning


def test_a_quota_that_the_endpoint_does_not_know_is_a_note(bench: Bench) -> None:
    bench.refuse(ApiError("NoSuchResourceException", "The resource does not exist.", 400))
    assert "The endpoint does not tell the quota" in bench.notes(launch_first=True)
    assert bench.prepare(launch_first=True).warnings == ()


def test_nothing_is_read_for_a_rollout_that_launches_nothing(bench: Bench) -> None:
    bench.prepare(strategy=Strategy.RELOAD, command=("true",), launch_template="", app_version="2")
    assert bench.sandbox.calls["service-quotas:GetServiceQuota"] == 0


@pytest.mark.parametrize(
    ("kind", "bucket"),
    [
        ("t3.micro", "standard"),
        ("im4gn.large", "standard"),
        ("hpc7a.12xlarge", "hpc"),
        ("inf2.xlarge", "inf"),
        ("vt1.3xlarge", "g"),
        ("g4dn.xlarge", "g"),
        ("trn1.2xlarge", "trn"),
        ("u-6tb1.metal", "u"),
        ("x2idn.16xlarge", "x"),
        ("mac2.metal", "mac"),
    ],
)
def test_a_type_belongs_to_the_bucket_of_its_family(kind: str, bucket: str) -> None:
    assert bucket_of(kind) == bucket
