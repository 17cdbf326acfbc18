"""The AWS services that awsroll calls, and the operations of EC2. The Lambda bundle contains only these.

The botocore of a bundle has only the models of `SERVICES`, and its EC2 model has only `EC2_OPERATIONS`. EC2's whole
model is larger than all the others together, and reading it would take most of a cold start.

`clients` refuses calls that are not listed here on every machine, so that a call that the bundle lacks fails in tests.
This file imports nothing: the bundle's builder reads it where neither boto3 nor awsroll is installed.
"""

SERVICES = (
    "autoscaling",
    "cloudwatch",
    "codepipeline",
    "dynamodb",
    "ec2",
    "elb",
    "elbv2",
    "events",
    "kms",
    "lambda",
    "s3",
    "service-quotas",
    "sns",
    "ssm",
    "stepfunctions",
    "sts",
    "vpc-lattice",
)
COMMAND_LINE_ONLY = ("iam",)
"""The services that only the command line calls (`awsroll policy`). The bundle leaves them out."""

EC2_OPERATIONS = (
    "CreateTags",
    "DescribeInstanceAttribute",
    "DescribeInstanceStatus",
    "DescribeInstances",
    "DescribeLaunchTemplateVersions",
    "DescribeLaunchTemplates",
    "DescribeSubnets",
    "RunInstances",
    "TerminateInstances",
)
EC2_COMMAND_LINE_ONLY = (
    "CreateLaunchTemplateVersion",
    "GetConsoleOutput",
    "GetEbsDefaultKmsKeyId",
    "GetEbsEncryptionByDefault",
)
"""The operations of EC2 that only the commands `policy`, `explain` and `keep` call. The bundle leaves them out."""


def check_listed(service: str, operation: str = "") -> None:
    """Raise if the Lambda bundle could not make a call.

    Raises:
        LookupError: if the call is not listed here, which is a mistake in awsroll's own code.
    """
    if service in COMMAND_LINE_ONLY or (service == "ec2" and operation in EC2_COMMAND_LINE_ONLY):
        return
    if service not in SERVICES or (operation and service == "ec2" and operation not in EC2_OPERATIONS):
        missing = f"{service}:{operation}" if operation else service
        problem = f"{missing} is not listed in awsroll/aws/services.py, so the Lambda bundle lacks it: list it there"
        raise LookupError(problem)
