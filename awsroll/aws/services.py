"""What awsroll calls of AWS: the services, and of EC2 the operations. The Lambda bundle carries no more than this.

A bundle's botocore has the models of `SERVICES` alone, and EC2's model is cut to `EC2_OPERATIONS`: it is larger than
all the others together, and a cold start would spend more time on reading it than on anything else. So that nothing is
missing there that works elsewhere, `clients` refuses what is not named here, on every machine.
No imports: the bundle's builder reads this file where neither boto3 nor awsroll is installed.
"""

SERVICES = (
    "autoscaling",
    "cloudwatch",
    "codepipeline",
    "dynamodb",
    "ec2",
    "elbv2",
    "lambda",
    "s3",
    "ssm",
    "stepfunctions",
    "sts",
)
COMMAND_LINE_ONLY = ("iam",)
"""What the command line alone calls (`awsroll policy`): no handler does, so the bundle goes without."""

EC2_OPERATIONS = (
    "CreateTags",
    "DescribeInstanceAttribute",
    "DescribeInstances",
    "DescribeLaunchTemplateVersions",
    "DescribeSubnets",
    "RunInstances",
    "TerminateInstances",
)


def check_listed(service: str, operation: str = "") -> None:
    """Refuse a call that the Lambda bundle could not make.

    Raises:
        LookupError: if it is not listed here: a mistake in awsroll's own code.
    """
    if service in COMMAND_LINE_ONLY:
        return
    if service not in SERVICES or (operation and service == "ec2" and operation not in EC2_OPERATIONS):
        missing = f"{service}:{operation}" if operation else service
        problem = (
            f"{missing} is not listed in awsroll/aws/services.py, so the Lambda bundle would lack it: list it there"
        )
        raise LookupError(problem)
