"""The known causes of failures, the most specific first: how AWS or the server shows each, and the fix to try.

Sources: Elastic Load Balancing user guides, "Health check reason codes"; Amazon EC2 User Guide, "Troubleshoot instance
launch issues" and "Instance status checks"; Amazon EC2 Auto Scaling User Guide, "Troubleshoot".
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCause:
    """One cause.

    Attributes:
        shown_by: a regular expression for the words by which it shows.
        cause: what has happened.
        fix: what to try.
    """

    shown_by: re.Pattern[str]
    cause: str
    fix: str


def _known(shown_by: str, cause: str, fix: str) -> KnownCause:
    return KnownCause(shown_by=re.compile(shown_by, re.IGNORECASE), cause=cause, fix=fix)


THROTTLED = r"Throttl|RequestLimitExceeded|Rate exceeded|TooManyRequests|SlowDown"

KNOWN_CAUSES = (
    _known(
        r"VcpuLimitExceeded|InstanceLimitExceeded|vCPU capacity than your current vCPU limit",
        "the account has reached its quota of instances",
        "Request a higher quota in Service Quotas, or lower --max-surge",
    ),
    _known(
        r"InsufficientInstanceCapacity|do not have sufficient .* capacity",
        "EC2 has no capacity of this instance type in the zone now",
        "Try again later, add a zone or an instance type, or lower --max-surge",
    ),
    _known(
        r"VolumeLimitExceeded|MaxIOPSLimitExceeded",
        "the account has reached its quota of EBS volumes",
        "Delete unused volumes, or request a higher quota",
    ),
    _known(
        r"InvalidAMIID|AMI .*does not exist|image .* does not exist",
        "the image of the launch template does not exist, or the account may not use it",
        "Share or copy the image, or correct the launch template",
    ),
    _known(
        r"Client\.InternalError|Client error on launch|KMS|InvalidKMSKey|KeyUnavailable",
        "the instance cannot use the KMS key of an encrypted volume",
        "Allow the key to the service-linked role of the group (a grant or the key policy), and enable the key",
    ),
    _known(
        r"UnauthorizedOperation|AccessDenied|not authorized to perform|iam:PassRole",
        "a permission is missing",
        "Grant the permission that the message names; `awsroll policy` prints what awsroll itself needs",
    ),
    _known(
        r"SpotInstanceTermination|Spot interruption|SpotInstanceShutdown",
        "EC2 took back the Spot instance",
        "No fix is needed: awsroll replaces the server. Use On-Demand instances if this happens often",
    ),
    _known(
        r"Client\.InstanceInitiatedShutdown",
        "the server shut itself down",
        "Read its console and its start script: a failed user data script, or a `shutdown` in it, ends the server",
    ),
    _known(
        r"Client\.UserInitiatedShutdown",
        "a person or another program terminated the server",
        "Find the caller of TerminateInstances in CloudTrail",
    ),
    _known(
        r"Kernel panic|not syncing|Unable to mount root",
        "the operating system does not start",
        "Start an instance of this image by hand, and repair the image",
    ),
    _known(
        r"Out of memory|oom-kill|Killed process",
        "the server has too little memory",
        "Use a larger instance type, or lower the memory of the application",
    ),
    _known(
        r"No space left on device",
        "the disk of the server is full",
        "Enlarge the volume in the launch template, or clean the image",
    ),
    _known(
        r"cloud-init.*(fail|error)|Failed to run module scripts-user|scripts-user.*fail",
        "the user data script failed",
        "Read /var/log/cloud-init-output.log on the server, or its console",
    ),
    _known(
        r"(system|instance)( status)?: (impaired|failed|insufficient)",
        "a status check of EC2 fails",
        "An impaired system is AWS's host: it is replaced. An impaired instance does not start or has no network",
    ),
    _known(
        r"Pending:Wait",
        "the group waits for a lifecycle hook at the launch",
        "Check the program that completes the hook (CompleteLifecycleAction), and its log",
    ),
    _known(
        r"Terminating:Wait",
        "the group waits for a lifecycle hook at the end",
        "Check the program that completes the hook, or wait for its timeout",
    ),
    _known(
        r"waits for a verdict of the judge",
        "the judge has compared too few requests",
        "Wait for more requests, raise --judge-effect, or lower --judge-timeout: the gate then opens with a warning",
    ),
    _known(
        r"Target\.ResponseCodeMismatch",
        "the application answers the health check with another status than the target group expects",
        "Request the health check path on the server, and compare the status with the matcher of the target group",
    ),
    _known(
        r"Target\.Timeout",
        "the health check gets no answer in time",
        "Check that the application listens on the port, and that the security group of the server allows the health "
        "check from the load balancer",
    ),
    _known(
        r"Target\.FailedHealthChecks",
        "the application refuses the health check, or nothing listens on the port",
        "Check that the new version starts and listens on the port of the target group",
    ),
    _known(
        r"Target\.NotInUse",
        "the load balancer does not use the target group, or not the zone of the server",
        "Add a listener rule for the target group, and enable the zone on the load balancer",
    ),
    _known(
        r"Target\.InvalidState|Target\.IpUnusable",
        "the server is not running, or its address is in use elsewhere",
        "Look at the state of the instance in EC2",
    ),
    _known(
        r"Elb\.InternalError",
        "the load balancer itself failed",
        "Wait: this recovers by itself. See the AWS Health Dashboard if it does not",
    ),
    _known(
        r"Elb\.(RegistrationInProgress|InitialHealthChecking)",
        "the load balancer has not finished its first health checks",
        "Wait. If this takes too long, shorten the interval of the health check or raise --healthy-timeout",
    ),
    _known(
        r"Target\.DeregistrationInProgress",
        "the server finishes the requests in flight",
        "Wait for the deregistration delay of the target group",
    ),
    _known(
        r"reload command not finished|reload command",
        "the reload command failed or did not finish",
        "Read the output of the command in SSM Run Command",
    ),
    _known(
        r"in ALARM",
        "a CloudWatch alarm of the request fires",
        "Resolve the cause of the alarm, then roll again",
    ),
    _known(
        THROTTLED,
        "AWS throttles the calls of the account",
        "Wait, or find the program in the account that calls the API often",
    ),
    _known(
        r"marked unhealthy",
        "the group marked the server unhealthy before it could serve",
        "Raise the health check grace period of the group above the start time of the application",
    ),
    _known(
        r"was not approved|rejected",
        "a person rejected the checkpoint, or no person answered in time",
        "Ask the people who approve, then roll again",
    ),
)
"""In order: what is more specific says more, and comes first."""
