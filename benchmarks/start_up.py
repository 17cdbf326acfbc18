"""Measures the CPU of processes that start: the command line, `plan`, and the Lambda function of the driver.

    python -m benchmarks.start_up

Each figure is the least of several runs, in user and system time. `plan` runs against the sandbox as a server. Beside
it, a script with boto3 alone makes the same clients and the same kinds of calls. The Lambda function is imported as in
its bundle, without the libraries that only the command line needs, and makes its first clients.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from awsroll.sandbox.server import SandboxServer, serve

_RUNS = 3
_HANDLERS = Path(__file__).parents[1] / "lambda"
_CLIENTS = "('ec2', 'elbv2', 'autoscaling', 'elb', 'sts')"
_BARE = f"import boto3; s = boto3.Session(region_name='us-east-1'); c = {{n: s.client(n) for n in {_CLIENTS}}}"
_CALLS = """
group = c['autoscaling'].describe_auto_scaling_groups(AutoScalingGroupNames=['web'])['AutoScalingGroups'][0]
arn = group['TargetGroupARNs'][0]
c['ec2'].describe_instances(Filters=[{'Name': 'tag:aws:autoscaling:groupName', 'Values': ['web']}])
template = c['ec2'].describe_launch_templates()['LaunchTemplates'][0]['LaunchTemplateId']
c['ec2'].describe_launch_template_versions(LaunchTemplateId=template, Versions=['1', '2'])
c['elbv2'].describe_target_groups(TargetGroupArns=[arn])
c['elbv2'].describe_target_group_attributes(TargetGroupArn=arn)
c['elbv2'].describe_target_health(TargetGroupArn=arn)
c['elbv2'].describe_tags(ResourceArns=[arn])
c['autoscaling'].describe_scaling_activities(AutoScalingGroupName='web')
c['autoscaling'].describe_lifecycle_hooks(AutoScalingGroupName='web')
c['sts'].get_caller_identity()
"""
_FUNCTION = f"""
import sys
sys.modules['rich'] = None  # not in the bundle
sys.path.insert(0, {str(_HANDLERS)!r})
import container, reconcile
s = container.CoreSession('us-east-1')
c = {{n: s.client(n) for n in {_CLIENTS}}}
"""


def cpu(*words: str, environment: Mapping[str, str] = os.environ) -> float:
    """Return the least CPU seconds of a Python process, of several runs."""
    return min(_once(words, environment) for _ in range(_RUNS))


def _once(words: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([sys.executable, *words], check=False, capture_output=True, text=True, env=dict(environment))  # noqa: S603  our own words
    if run.returncode:
        raise RuntimeError(run.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table() -> list[str]:
    """Return the figures as the rows of a table in Markdown."""
    with tempfile.TemporaryDirectory() as folder, serve() as server:
        environment = {**os.environ, **server.environment}
        template = _fleet(server)
        bare, called = cpu("-c", _BARE, environment=environment), cpu("-c", _BARE + _CALLS, environment=environment)
        function = cpu("-c", _FUNCTION, environment=environment)
        listed = cpu("-m", "awsroll", "list", "--state", folder, environment=environment)
        words = ("plan", "--asg", "web", "--launch-template", template, "--state", folder)
        planned = cpu("-m", "awsroll", *words, environment=environment)
    return [
        f"| `awsroll --help`, CPU | {cpu('-m', 'awsroll', '--help'):.2f} s |",
        f"| `awsroll list`, CPU | {listed:.2f} s |",
        f"| `awsroll plan` of a group of 3, CPU | {planned:.2f} s |",
        f"| boto3 alone: the same clients and kinds of calls, CPU | {called:.2f} s: {planned / called:.2f} x |",
        f"| import of the Lambda function, with its first clients, CPU | {function:.2f} s |",
        f"| boto3 alone: the same clients, CPU | {bare:.2f} s: {function / bare:.2f} x |",
    ]


def _fleet(server: SandboxServer) -> str:
    """Create a group, and return the version to roll to."""
    fleet = server.auto_scaling_fleet(desired=3)
    return f"{fleet.template_id}:2"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
