"""The table of rollout options: one row for each field of `RolloutSpec`, with meaning, unit and default.

The command line, the rollout file and the JSON Schema are built from this table. tests/cli/test_options.py fails if a
field of `RolloutSpec` has no row.
"""

from awsroll.cli.flags import FLEET, LIMITS, VERSION, Flag
from awsroll.core.model.rollout import OnFailure, SkipPolicy, Strategy

SPEC_FLAGS = (
    Flag(field="asg", type=str, metavar="NAME", section=FLEET, help="Name or ARN of an Auto Scaling group."),
    Flag(
        field="target_group",
        type=list[str],
        metavar="NAME|ARN",
        section=FLEET,
        help="Name or ARN of a target group with manually registered servers (repeatable). With --asg: a target group "
        "that is not attached to the Auto Scaling group.",
    ),
    Flag(
        field="exclude_target_group",
        type=list[str],
        metavar="NAME|ARN",
        section=FLEET,
        help="Name or ARN of a target group that holds servers of the fleet and is not rolled (repeatable). awsroll "
        "neither drains the servers there nor registers their replacements: requests through it may fail.",
    ),
    Flag(
        field="launch_template",
        type=str,
        metavar="ID|NAME[:VERSION]",
        section=VERSION,
        help="Launch template of the new version. VERSION is a number, $Latest or $Default and is resolved once "
        "(default VERSION: $Latest; default template with --asg: the group's own).",
    ),
    Flag(
        field="command",
        type=list[str],
        metavar="SHELL",
        section=VERSION,
        help="reload: shell command to run on each server (repeatable; commands run in order).",
    ),
    Flag(
        field="document",
        type=str,
        metavar="NAME",
        section=VERSION,
        help="reload: SSM document to run instead of --command.",
    ),
    Flag(
        field="parameter",
        type=list[str],
        metavar="K=V",
        section=VERSION,
        help="reload: parameter of --document (repeatable; repeat a key to give it several values).",
    ),
    Flag(
        field="rollback_command",
        type=list[str],
        metavar="SHELL",
        section=VERSION,
        help="reload: shell command that restores the old version (repeatable; commands run in order).",
    ),
    Flag(
        field="app_version",
        type=str,
        metavar="TEXT",
        section=VERSION,
        help="reload: name of the new version. Servers already tagged with it are skipped (default: the rollout's id).",
    ),
    Flag(
        field="strategy",
        type=Strategy,
        section=LIMITS,
        help="replace: replace a few servers at a time. double-half: launch a complete new fleet, then terminate the "
        "old one. reload: run a command on the existing servers (default: replace).",
    ),
    Flag(
        field="concurrent",
        type=str,
        metavar="N|N%",
        section=LIMITS,
        help="Number of servers to update at a time: 1 or more, or 1% to 100% of the fleet (default: 1).",
    ),
    Flag(
        field="launch_first",
        type=bool,
        section=LIMITS,
        help="replace: launch each new server before its old server is terminated (default: terminate first).",
    ),
    Flag(
        field="max_unavailable",
        type=str,
        metavar="N|N%",
        section=LIMITS,
        help="Instead of --concurrent: number of servers that may be out of service. A percentage is rounded down "
        "(default: 0).",
    ),
    Flag(
        field="max_surge",
        type=str,
        metavar="N|N%",
        section=LIMITS,
        help="Instead of --concurrent: number of servers that may run above the desired capacity. A percentage is "
        "rounded up (default: 0).",
    ),
    Flag(
        field="checkpoint",
        type=list[str],
        metavar="N|N%",
        section=LIMITS,
        help="Number of servers to update before a checkpoint. A percentage is rounded down, to at least 1. Repeat it "
        "for several checkpoints, in increasing order (default: no checkpoints).",
    ),
    Flag(
        field="checkpoint_delay",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="Minimum wait at each checkpoint (default: 0 seconds).",
    ),
    Flag(
        field="approve_checkpoints",
        type=bool,
        section=LIMITS,
        help="Wait at each checkpoint for `awsroll approve ROLLOUT` (default: no).",
    ),
    Flag(
        field="approval_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="Maximum wait for an approval in seconds, counted from the end of --checkpoint-delay. A missing approval "
        "is then a failure (default: no limit).",
    ),
    Flag(
        field="bake_time",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long the complete new fleet is observed before the rollout succeeds (default: 0 seconds).",
    ),
    Flag(
        field="alarm",
        type=list[str],
        metavar="NAME",
        section=LIMITS,
        help="Name of a CloudWatch alarm, metric or composite (repeatable). The rollout fails if the alarm is in ALARM "
        "at any time (default: none).",
    ),
    Flag(
        field="max_failures",
        type=int,
        metavar="N",
        section=LIMITS,
        help="Number of failed replacements that are retried (default: 0).",
    ),
    Flag(
        field="on_failure",
        type=OnFailure,
        section=LIMITS,
        help="Reaction to a failure beyond --max-failures: rollback, pause or stop (default: rollback; for a reload "
        "without --rollback-command: stop).",
    ),
    Flag(
        field="keep_old",
        type=bool,
        section=LIMITS,
        help="Keep the old servers running, out of traffic, until --bake-time has passed, so that a rollback needs no "
        "launch. Requires --strategy double-half or a surge of 100% (default: no).",
    ),
    Flag(
        field="min_healthy_time",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long a new server must stay healthy before it counts as serving (default: 0 seconds).",
    ),
    Flag(
        field="drain_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="Maximum time to drain a server (default and minimum: deregistration delay + 60 seconds + the group's "
        "terminate hooks).",
    ),
    Flag(
        field="launch_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="Maximum time from the launch request until the server runs (default: 600 seconds + the group's launch "
        "hooks).",
    ),
    Flag(
        field="healthy_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="Maximum time from registration until the server serves (default: 600 seconds, or more if the health "
        "checks need it).",
    ),
    Flag(
        field="progress_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="Maximum time without any progress (default: 3600 seconds).",
    ),
    Flag(
        field="deregistration_delay",
        type=int,
        metavar="SECONDS",
        section=LIMITS,
        help="Deregistration delay of the target groups during this rollout, 0 to 3600 seconds. The old value is "
        "restored at the end (default: unchanged).",
    ),
    Flag(
        field="protected",
        type=SkipPolicy,
        section=LIMITS,
        help="Servers protected from scale-in or termination: wait up to one hour until the protection is removed, "
        "ignore them, or replace them (default: wait).",
    ),
    Flag(
        field="standby",
        type=SkipPolicy,
        section=LIMITS,
        help="Servers in standby: wait up to one hour until they are back in service, ignore them, or replace them "
        "(default: wait).",
    ),
    Flag(
        field="warm_pool",
        type=str,
        metavar="refuse|purge",
        section=LIMITS,
        help="A group with a warm pool: refuse the rollout, or purge: delete the pool with its instances and restore "
        "the pool's settings at the end (default: refuse).",
    ),
    Flag(
        field="strict",
        type=bool,
        section=LIMITS,
        help="Refuse the rollout if a target group contains servers outside the fleet (default: leave them alone).",
    ),
    Flag(
        field="poll",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="Maximum time between two observations in seconds. Fractions are allowed (default: adaptive).",
    ),
    Flag(
        field="settle_time",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long to wait for the effect of a call whose response was lost before the call is repeated (default: "
        "60 seconds).",
    ),
    Flag(
        field="lease",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long the fleet stays locked after this process stops renewing its lock, at least 5 seconds (default: "
        "60 seconds).",
    ),
)
