"""The quotas of an account for instances: their number, and the vCPUs of each bucket of instance types.

An instance counts until it is `terminated`. Source: EC2 user guide, "Amazon EC2 service quotas" (On-Demand Instances).
"""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.instance import SimInstance
from awsroll.sandbox.sandbox_options import SandboxOptions

_STANDARD = "ACDHIMRTZ"
_OWN_BUCKETS = ("dl", "f", "g", "hpc", "inf", "p", "trn", "u", "vt", "x")
_SHARED = {"vt": "g"}


def refuse_above_quota(options: SandboxOptions, instances: Iterable[SimInstance], kind: str, count: int) -> None:
    """Refuse to launch `count` more instances of a type above a quota.

    Raises:
        ApiError: `VcpuLimitExceeded`.
    """
    if not (options.instance_quota or options.vcpu_quota):
        return
    existing = [str(one.record.instance_type) for one in instances if one.state != "terminated"]
    if options.instance_quota and len(existing) + count > options.instance_quota:
        _refuse(options.instance_quota)
    used = sum(vcpus_of(other) for other in existing if bucket_of(other) == bucket_of(kind))
    if options.vcpu_quota and used + count * vcpus_of(kind) > options.vcpu_quota:
        _refuse(options.vcpu_quota)


def _refuse(limit: int) -> NoReturn:
    message = (
        f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance "
        "bucket that the specified instance type belongs to."
    )
    refuse("VcpuLimitExceeded", message)


def vcpus_of(instance_type: str) -> int:
    """Return the number of vCPUs of an instance type; an unknown type has two."""
    found = _types().get(instance_type)
    return int(found["VCpuInfo"]["DefaultVCpus"]) if found else 2


def cpu_options(instance_type: str) -> dict[str, int]:
    """Return the cores of an instance type, as DescribeInstances shows them."""
    found = _types().get(instance_type)
    threads = int(found["VCpuInfo"]["DefaultThreadsPerCore"]) if found else 1
    return {"CoreCount": vcpus_of(instance_type) // threads, "ThreadsPerCore": threads}


def _types() -> Mapping[str, Any]:
    from moto.ec2.models.instance_types import INSTANCE_TYPES  # noqa: PLC0415  moto is an optional, slow import

    types: Mapping[str, Any] = INSTANCE_TYPES
    return types


def bucket_of(instance_type: str) -> str:
    """Return the bucket of an instance type: `standard`, or the first letters of its family."""
    family = instance_type.partition(".")[0]
    letters = family[: next((place for place, letter in enumerate(family) if not letter.isalpha()), len(family))]
    found = next((name for name in _OWN_BUCKETS if letters == name), "")
    if not found and letters[:1].upper() in _STANDARD:
        return "standard"
    return _SHARED.get(found, found or letters)
