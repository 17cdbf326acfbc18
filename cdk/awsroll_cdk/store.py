"""The table of the records, as `awsroll state create` creates it, and the key that signs them.

Command lines use them by `--state dynamodb://TABLE --sign-key KEY`.
"""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb, aws_kms as kms
from constructs import Construct

from awsroll.core.request.store_parts import EXPIRES

PARTITION_KEY = "pk"
SORT_KEY = "sk"


def records_table(scope: Construct, *, retention: bool) -> dynamodb.Table:
    """Create the table. It outlives the stack, because it holds the only records of unfinished rollouts."""
    return dynamodb.Table(
        scope,
        "Records",
        partition_key=dynamodb.Attribute(name=PARTITION_KEY, type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name=SORT_KEY, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.AWS_MANAGED,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute=EXPIRES if retention else None,
        deletion_protection=True,
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )


def signing_key(scope: Construct) -> kms.Key:
    """Create the key that signs records, requests and notes. It outlives the stack, as the records do."""
    return kms.Key(
        scope,
        "SigningKey",
        description="awsroll: signs records of rollouts",
        key_spec=kms.KeySpec.HMAC_256,
        key_usage=kms.KeyUsage.GENERATE_VERIFY_MAC,
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )
