"""The permissions to use customer managed KMS keys: for volumes at a launch, for the store, and to sign records.

Keys that AWS manages need none. The policy of a key must allow the caller too. A group launches by its service-linked
role, whose use of a key is granted on the key (Auto Scaling guide, key policy for encrypted volumes). LaunchInstances
launches by EC2 Fleet with the permissions of the caller.
"""

from collections.abc import Iterable, Iterator

from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.iam.policy_request import PolicyRequest
from awsroll.iam.statement import Condition, Statement, allow

_ALIAS = "alias/"
_FOR_VOLUMES = ("Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
_TO_SIGN = ("GenerateMac", "VerifyMac")
_FOR_STORES = {StoreKind.S3: ("Decrypt", "GenerateDataKey"), StoreKind.DYNAMODB: ("Decrypt",)}


def volume_keys(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for keys of encrypted volumes (EBS user guide, requirements for encryption)."""
    rollouts = request.rollouts
    if not rollouts.keys or rollouts.reloads or (request.grouped and (rollouts.stages or not rollouts.may_surge)):
        return []
    actions = [f"kms:{action}" for action in _FOR_VOLUMES]
    grants: Condition = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        *_by_service(request, "UseVolumeKeys", actions, rollouts.keys, "ec2"),
        *_by_service(request, "GrantVolumeKeys", ["kms:CreateGrant"], rollouts.keys, "ec2", grants),
    ]


def store_key(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for the key that encrypts the store."""
    rollouts = request.rollouts
    if not (rollouts.store and rollouts.store_key):
        return []
    kind = StoreAddress.parse(rollouts.store).kind
    actions = [f"kms:{action}" for action in _FOR_STORES.get(kind, ())]
    service = "s3" if kind is StoreKind.S3 else "dynamodb"
    return list(_by_service(request, "UseStoreKey", actions, [rollouts.store_key], service)) if actions else []


def sign_key(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for the key that signs what is stored."""
    if not request.rollouts.sign_key:
        return []
    actions = [f"kms:{action}" for action in _TO_SIGN]
    condition: Condition = {"StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}}
    return list(_on_keys(request, "SignRecords", actions, [request.rollouts.sign_key], condition))


def _by_service(  # noqa: PLR0913, PLR0917 - the parts of the statements
    request: PolicyRequest,
    sid: str,
    actions: Iterable[str],
    keys: Iterable[str],
    service: str,
    more: Condition | None = None,
) -> Iterator[Statement]:
    place = request.place
    domain = "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com"
    via = {"StringEquals": {"kms:ViaService": f"{service}.{place.region}.{domain}"}}
    return _on_keys(request, sid, actions, keys, {**via, **(more or {})})


def _on_keys(
    request: PolicyRequest, sid: str, actions: Iterable[str], keys: Iterable[str], condition: Condition
) -> Iterator[Statement]:
    """Yield the statements for keys named by id or ARN, and for keys named by an alias.

    IAM takes no alias as a resource; a condition limits all keys to those with the alias (KMS developer guide).
    """
    named = sorted(set(keys))
    aliases = [key[key.index(_ALIAS) :] for key in named if _is_alias(key)]
    arns = [_key(request, key) for key in named if not _is_alias(key)]
    if arns:
        yield allow(sid, actions, arns, condition)
    if aliases:
        has_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}}
        yield allow(f"{sid}ByAlias", actions, [request.place.arn("kms", "key/*")], {**has_alias, **condition})


def _is_alias(key: str) -> bool:
    return key.startswith(_ALIAS) or f":{_ALIAS}" in key


def _key(request: PolicyRequest, key: str) -> str:
    return key if key.startswith("arn:") else request.place.arn("kms", f"key/{key}")
