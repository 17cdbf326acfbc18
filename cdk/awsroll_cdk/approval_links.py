"""The page behind links to approve or reject: its address, and the key that signs the links.

A driving function may only sign links, and the page may only verify them. The address asks for no credentials of AWS,
because people open it in a browser: the signature in the link is the permission.
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_kms as kms, aws_lambda as lambda_
from constructs import Construct

from awsroll_cdk.functions import APPROVAL_PAGE, CODEPIPELINE, DURABLE, Functions

KEY, PAGE = "AWSROLL_APPROVAL_KEY", "AWSROLL_APPROVAL_PAGE"
_DRIVING = ("reconcile", CODEPIPELINE, DURABLE)


class ApprovalLinks(Construct):
    """The address of the page and the key of its links.

    Attributes:
        key: the HMAC key. It never leaves KMS. Without it, links that were sent are worthless.
        url: the address of the page.
    """

    def __init__(self, scope: Construct, made: Functions) -> None:
        super().__init__(scope, "ApprovalLinks")
        self.key = kms.Key(
            self,
            "Key",
            description="awsroll: signs links to approve",
            key_spec=kms.KeySpec.HMAC_256,
            key_usage=kms.KeyUsage.GENERATE_VERIFY_MAC,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.url = made.live[APPROVAL_PAGE].add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE).url
        self._permit("Signing", made.fleet_role, "kms:GenerateMac")
        if made.page_role is not None:
            self._permit("Verifying", made.page_role, "kms:VerifyMac")
        made.by_name[APPROVAL_PAGE].add_environment(KEY, self.key.key_arn)
        for name in _DRIVING:
            if name in made.by_name:
                _add(made.by_name[name], {KEY: self.key.key_arn, PAGE: self.url})

    def _permit(self, name: str, role: iam.Role, action: str) -> None:
        statement = iam.PolicyStatement(
            actions=[action],
            resources=[self.key.key_arn],
            conditions={"StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}},
        )
        iam.Policy(self, name, statements=[statement], roles=[role])


def _add(function: lambda_.Function, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        function.add_environment(name, value)
