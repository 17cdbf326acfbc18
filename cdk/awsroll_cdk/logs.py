"""Log groups, encrypted with a key of the deployment, with a retention."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_kms as kms, aws_logs as logs
from constructs import Construct


class Logs(Construct):
    """The key and the log groups of one deployment.

    Args:
        scope: the deployment.
        retention: how long events are kept.
        key: an existing key that CloudWatch Logs may use; None: create a key.
    """

    def __init__(self, scope: Construct, *, retention: logs.RetentionDays, key: kms.IKey | None) -> None:
        super().__init__(scope, "Logs")
        self._retention = retention
        stack = cdk.Stack.of(self)
        stack_uuid = cdk.Fn.select(2, cdk.Fn.split("/", stack.stack_id))
        own = cdk.Names.unique_resource_name(scope, max_length=100)
        self._prefix = f"/aws/vendedlogs/awsroll/{own}/{stack_uuid}"
        self.key = key or self._create_key()

    def group(self, name: str) -> logs.LogGroup:
        """Create a log group.

        The prefix `/aws/vendedlogs/` keeps the account's resource policy for logs small, however many machines there
        are. The id of the stack is a part of the name, because the logs outlive the stack.
        """
        return logs.LogGroup(
            self,
            name,
            log_group_name=f"{self._prefix}/{name}",
            encryption_key=self.key,
            retention=self._retention,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _create_key(self) -> kms.Key:
        # The logs outlive the stack until their retention ends, and so must the key that decrypts them.
        key = kms.Key(
            self,
            "Key",
            description="awsroll: logs of rollouts",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        stack = cdk.Stack.of(self)
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.{stack.url_suffix}")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],  # in the policy of a key, this means the key
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": stack.format_arn(
                            service="logs",
                            resource="log-group",
                            resource_name="*",
                            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                        )
                    }
                },
            )
        )
        return key
