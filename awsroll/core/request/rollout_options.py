"""The options of a rollout: each field with its kind of value, bounds, default and help text. See docs/options.md.

This table is the only definition of the options. The command line, the rollout file, the JSON Schema, the events of the
Lambda functions, docs/options.md and `RolloutSpec` in Python are made from it. `spec` has the rules between options.
"""

from dataclasses import dataclass

from awsroll.core.aws_limits import (
    DEREGISTRATION_DELAY_SECONDS,
    HEALTH_CHECK_INTERVAL_SECONDS,
    HEALTHY_THRESHOLD,
    TAG_VALUE_CHARACTERS,
)
from awsroll.core.model.composed_values import Many, Parameters
from awsroll.core.model.destinations import FORM
from awsroll.core.model.hooks import HOOKS, HookSpec
from awsroll.core.model.options import FAILURE, FLEET, GATES, PACE, VERSION, WAITING, option, read_fields
from awsroll.core.model.period import PERIODS, Period
from awsroll.core.model.probe_form import FORM as FORM_OF_PROBE
from awsroll.core.model.rollout_choices import LONGEST_LEASE_SECONDS, OnFailure, SkipPolicy, Strategy, Zones
from awsroll.core.model.values import (
    LISTED_NAME,
    NAME,
    PERCENTAGE,
    SHELL,
    Choice,
    Count,
    Seconds,
    SecretText,
    Share,
    Switch,
    Text,
)

_REMARK_CHARACTERS = 500
_VERSION_NAME = Text(
    says=f"a string in one line: it becomes the value of a tag, which has at most {TAG_VALUE_CHARACTERS} characters",
    most=TAG_VALUE_CHARACTERS,
)
_REMARK = Text(says="a string in one line", most=_REMARK_CHARACTERS)
_POLICY = Choice(tuple(SkipPolicy))
READ_PROTECTION, ASSUME_NO_PROTECTION = "read", "assume-none"
DESTINATION = SecretText(
    says="sns:TOPIC-ARN, eventbridge, eventbridge:BUS, or an https:// URL",
    form=FORM,
    least=1,
    metavar="DESTINATION",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutOptions:
    """The fields of `RolloutSpec`. None means that the default depends on other values."""

    asg: str = option(
        NAME,
        "Name or ARN of an Auto Scaling group.",
        default="",
        section=FLEET,
    )
    target_group: tuple[str, ...] = option(
        Many(LISTED_NAME),
        "Name or ARN of a target group with manually registered servers (repeatable). With --asg: a target group that "
        "is not attached to the Auto Scaling group.",
        default=(),
        section=FLEET,
        metavar="NAME|ARN",
    )
    exclude_target_group: tuple[str, ...] = option(
        Many(LISTED_NAME),
        "Name or ARN of a target group that holds servers of the fleet and is not rolled (repeatable). awsroll "
        "neither drains the servers there nor registers their replacements: requests through it may fail.",
        default=(),
        section=FLEET,
        metavar="NAME|ARN",
    )
    launch_template: str = option(
        NAME,
        "Launch template of the new version. VERSION is a number, $Latest or $Default and is resolved once (default "
        "VERSION: $Latest; default template with --asg: the group's own).",
        default="",
        section=VERSION,
        metavar="ID|NAME[:VERSION]",
    )
    message: str = option(
        _REMARK,
        "Why this rollout is made. `awsroll list`, `status` and the report show it (default: none).",
        default="",
        section=VERSION,
        metavar="TEXT",
    )
    ref: str = option(
        _REMARK,
        "What this rollout is made from, such as a commit, a pull request or a ticket. It is shown with --message "
        "(default: none).",
        default="",
        section=VERSION,
        metavar="TEXT",
    )
    strategy: Strategy = option(
        Choice(tuple(Strategy)),
        "replace: replace a few servers at a time. double-half: launch a complete new fleet, then terminate the old "
        "one. reload: run a command on the existing servers (default: replace).",
        default=Strategy.REPLACE,
        section=PACE,
    )
    concurrent: str | int | None = option(
        Share(least=1),
        "Number of servers to update at a time: 1 or more, or 1% to 100% of the fleet (default: 1).",
        default=None,
        section=PACE,
    )
    launch_first: bool = option(
        Switch(),
        "replace: launch each new server before its old server is terminated (default: terminate first).",
        default=False,
        section=PACE,
    )
    max_unavailable: str | int | None = option(
        Share(),
        "Instead of --concurrent: number of servers that may be out of service. A percentage is rounded down "
        "(default: 0).",
        default=None,
        section=PACE,
    )
    max_surge: str | int | None = option(
        Share(),
        "Instead of --concurrent: number of servers that may be live above the desired capacity. A draining server is "
        "not live. A percentage is rounded up (default: 0).",
        default=None,
        section=PACE,
    )
    max_running: str | int | None = option(
        Share(least=1, is_cap=True),
        "Highest number of servers that may run, draining servers included. A percentage of the desired capacity is "
        "rounded up. With 100%, each old server without a group is gone before its replacement is "
        "launched (default: no limit: a replacement is launched while the old server drains).",
        default=None,
        section=PACE,
    )
    command: tuple[str, ...] = option(
        Many(SHELL),
        "reload: shell command to run on each server (repeatable; commands run in order).",
        default=(),
        section=VERSION,
    )
    document: str = option(
        NAME,
        "reload: SSM document to run instead of --command.",
        default="",
        section=VERSION,
    )
    parameter: dict[str, list[str]] = option(
        Parameters(),
        "reload: parameter of --document (repeatable; repeat a key to give it several values).",
        default={},
        section=VERSION,
    )
    rollback_command: tuple[str, ...] = option(
        Many(SHELL),
        "reload: shell command that restores the old version (repeatable; commands run in order).",
        default=(),
        section=VERSION,
    )
    app_version: str = option(
        _VERSION_NAME,
        "reload: name of the new version. Servers already tagged with it are skipped (default: the rollout's id).",
        default="",
        section=VERSION,
        metavar="TEXT",
    )
    zones: Zones = option(
        Choice(tuple(Zones)),
        "together: balance the servers that are updated over the Availability Zones. one-by-one: one zone after the "
        "other, the smallest first, with a checkpoint at the end of each (default: together).",
        default=Zones.TOGETHER,
        section=GATES,
    )
    zone_bake: float = option(
        Seconds(),
        "--zones one-by-one: minimum wait at the checkpoint of each zone (default: 0 seconds).",
        default=0,
        section=GATES,
    )
    rehearse: bool = option(
        Switch(),
        "Before the rollout: one server goes to the new version, is judged and returns to the old version, so that the "
        "way back is known to work (default: begin at once).",
        default=False,
        section=GATES,
    )
    checkpoint: tuple[str | int, ...] = option(
        Many(Share(least=1)),
        "Number of servers to update before a checkpoint. A percentage is rounded down, to at least 1. Repeat it for "
        "several checkpoints, in increasing order (default: no checkpoints).",
        default=(),
        section=GATES,
    )
    checkpoint_delay: float = option(
        Seconds(),
        "Minimum wait at each checkpoint (default: 0 seconds).",
        default=0,
        section=GATES,
    )
    approve_checkpoints: bool = option(
        Switch(),
        "Wait at each checkpoint for `awsroll approve ROLLOUT` (default: no).",
        default=False,
        section=GATES,
    )
    approval_timeout: float | None = option(
        Seconds(least=1),
        "Maximum wait for an approval in seconds, counted from the end of --checkpoint-delay. A missing approval is "
        "then a failure (default: no limit).",
        default=None,
        section=GATES,
    )
    bake_time: float = option(
        Seconds(),
        "How long the complete new fleet is observed before the rollout succeeds (default: 0 seconds).",
        default=0,
        section=GATES,
    )
    alarm: tuple[str, ...] = option(
        Many(LISTED_NAME),
        "Name of a CloudWatch alarm, metric or composite (repeatable). The rollout fails if the alarm is in ALARM at "
        "any time (default: none).",
        default=(),
        section=GATES,
    )
    windows: tuple[Period, ...] = option(
        PERIODS,
        "Windows in which the rollout may go on. While all of them are closed, nothing new starts and what is in "
        "flight ends (default: at any time).",
        default=(),
    )
    freezes: tuple[Period, ...] = option(
        PERIODS,
        "Freezes, in which nothing new starts and what is in flight ends (default: none).",
        default=(),
    )
    override_freeze: str = option(
        _REMARK,
        "Go on in spite of windows and freezes, for this reason. The record shows the reason and who started the "
        "rollout (default: follow them).",
        default="",
        section=GATES,
        metavar="REASON",
    )
    judge_alpha: str = option(
        PERCENTAGE,
        "The judge compares old and new servers by what hooks at while_judging count, and rolls a worse version back: "
        "share of rollouts of an equally good version that it may roll back (default: 1%).",
        default="1%",
        section=GATES,
    )
    judge_effect: str = option(
        PERCENTAGE,
        "A checkpoint waits until the judge would have noticed this additional share of bad requests (default: 5%).",
        default="5%",
        section=GATES,
    )
    judge_interval: float = option(
        Seconds(least=1, most=300),
        "Time between two comparisons of the judge (default: 5 seconds).",
        default=5,
        section=GATES,
    )
    judge_warm_up: float = option(
        Seconds(),
        "How long the judge ignores a server that has just begun to serve, such as until its caches are filled "
        "(default: 0 seconds).",
        default=0,
        section=GATES,
    )
    judge_timeout: float = option(
        Seconds(least=1),
        "Maximum time in seconds that a checkpoint waits for a verdict of the judge after --checkpoint-delay. It then "
        "opens with a warning (default: 1800 seconds).",
        default=1800,
        section=GATES,
    )
    hooks: tuple[HookSpec, ...] = option(
        HOOKS,
        "Hooks to run at fixed points of the rollout: commands, Lambda functions or scripts on the servers.",
        default=(),
    )
    max_failures: int = option(
        Count(),
        "Number of failed replacements that are retried (default: 0).",
        default=0,
        section=FAILURE,
    )
    on_failure: OnFailure | None = option(
        Choice(tuple(OnFailure)),
        "Reaction to a failure beyond --max-failures: rollback, pause or stop (default: rollback; for a reload "
        "without --rollback-command: stop).",
        default=None,
        section=FAILURE,
    )
    keep_failed: int = option(
        Count(),
        "Number of failed new servers to keep for inspection instead of terminating them: out of traffic, and out of "
        "the fleet. In a group they are detached, and the group launches others. They cost money and count against "
        "quotas until you terminate them, or `awsroll repair` does after --keep-failed-for (default: 0).",
        default=0,
        section=FAILURE,
    )
    keep_failed_for: float = option(
        Seconds(least=1),
        "--keep-failed: for how long, before `awsroll repair` terminates them (default: 86400 seconds, one day).",
        default=86400,
        section=FAILURE,
    )
    keep_old: bool = option(
        Switch(),
        "Keep the old servers running, out of traffic, until --bake-time has passed, so that a rollback needs no "
        "launch. Requires --strategy double-half or a surge of 100% (default: no).",
        default=False,
        section=PACE,
    )
    min_healthy_time: float = option(
        Seconds(),
        "How long a new server must stay healthy before it counts as serving (default: 0 seconds).",
        default=0,
        section=WAITING,
    )
    drain_timeout: float | None = option(
        Seconds(least=1),
        "Maximum time to drain a server (default and minimum: deregistration delay + 60 seconds + the group's "
        "terminate hooks).",
        default=None,
        section=WAITING,
    )
    launch_timeout: float | None = option(
        Seconds(least=1),
        "Maximum time from the launch request until the server runs (default: 600 seconds + the group's launch hooks).",
        default=None,
        section=WAITING,
    )
    healthy_timeout: float | None = option(
        Seconds(least=1),
        "Maximum time from registration until the server serves (default: 600 seconds, or more if the health checks "
        "need it).",
        default=None,
        section=WAITING,
    )
    progress_timeout: float = option(
        Seconds(least=1),
        "Maximum time without any progress (default: 3600 seconds).",
        default=3600,
        section=WAITING,
    )
    deregistration_delay: int | None = option(
        Seconds(most=DEREGISTRATION_DELAY_SECONDS, whole=True),
        "Deregistration delay of the target groups during this rollout, 0 to 3600 seconds. The old value is restored "
        "at the end (default: unchanged).",
        default=None,
        section=PACE,
    )
    health_check_interval: int | None = option(
        Seconds(least=HEALTH_CHECK_INTERVAL_SECONDS[0], most=HEALTH_CHECK_INTERVAL_SECONDS[1], whole=True),
        "Health check interval of the target groups during this rollout, 5 to 300 seconds, longer than their health "
        "check timeout. The old value is restored at the end (default: unchanged).",
        default=None,
        section=PACE,
    )
    health_check_threshold: int | None = option(
        Count(least=HEALTHY_THRESHOLD[0], most=HEALTHY_THRESHOLD[1]),
        "Healthy threshold of the target groups during this rollout: the number of successful checks in a row, 2 to "
        "10, that make an unhealthy server healthy. The old value is restored at the end (default: unchanged).",
        default=None,
        section=PACE,
    )
    drain_probe: str = option(
        Text(says="connections, or an http:// or https:// URL", form=FORM_OF_PROBE, metavar="PROBE"),
        "Servers without a group: end a drain early when no connection is open. connections: a script on the server "
        "counts the TCP connections on its ports. A URL: the server reads it itself, such as "
        "http://localhost:8080/open-requests, and the response is a number. Your own program or function is a hook at "
        "while_draining (default: each drain takes the whole deregistration delay).",
        default="",
        section=PACE,
    )
    drain_quiet: int = option(
        Seconds(least=1, most=DEREGISTRATION_DELAY_SECONDS, whole=True),
        "--drain-probe: for how long no connection may have been open (default: 5 seconds).",
        default=5,
        section=PACE,
    )
    drain_floor: float = option(
        Seconds(most=DEREGISTRATION_DELAY_SECONDS),
        "--drain-probe: shortest drain; behind a Network Load Balancer at least 120 seconds (default: 15 seconds).",
        default=15,
        section=PACE,
    )
    protected: SkipPolicy = option(
        _POLICY,
        "Servers protected from scale-in or termination: wait up to one hour until the protection is removed, ignore "
        "them, or replace them (default: wait).",
        default=SkipPolicy.WAIT,
        section=FLEET,
    )
    termination_protection: str = option(
        Choice((READ_PROTECTION, ASSUME_NO_PROTECTION)),
        "Standalone servers: read the termination protection of each old server before anything changes, with one call "
        "a server, or assume-none and save these calls. A server that EC2 then refuses to terminate is drained and "
        "replaced, and runs on (default: read).",
        default=READ_PROTECTION,
        section=FLEET,
    )
    standby: SkipPolicy = option(
        _POLICY,
        "Servers in standby: wait up to one hour until they are back in service, ignore them, or replace them "
        "(default: wait).",
        default=SkipPolicy.WAIT,
        section=FLEET,
    )
    warm_pool: str = option(
        Choice(("refuse", "purge")),
        "A group with a warm pool: refuse the rollout, or purge: delete the pool with its instances and restore the "
        "pool's settings at the end (default: refuse).",
        default="refuse",
        section=FLEET,
    )
    strict: bool = option(
        Switch(),
        "Refuse the rollout if a target group contains servers outside the fleet (default: leave them alone).",
        default=False,
        section=FLEET,
    )
    notify: tuple[str, ...] = option(
        Many(DESTINATION),
        "Where to send notices of this rollout: sns:TOPIC-ARN, eventbridge, eventbridge:BUS, or the https:// URL of a "
        "webhook of Slack or Teams (repeatable). A webhook URL is a secret and is not stored: give it again to resume "
        "(default: none).",
        default=(),
        section=WAITING,
        metavar="DESTINATION",
    )
    poll: float | None = option(
        Seconds(least=0.01),
        "Maximum time between two observations in seconds. Fractions are allowed (default: until something can have "
        "changed, at most 100 seconds).",
        default=None,
        section=WAITING,
    )
    settle_time: float = option(
        Seconds(least=1),
        "How long to wait for the effect of a call whose response was lost before the call is repeated (default: 60 "
        "seconds).",
        default=60,
        section=WAITING,
    )
    lease: float = option(
        Seconds(least=5, most=LONGEST_LEASE_SECONDS),
        "How long the fleet stays locked after this process stops renewing its lock, 5 seconds to 1 day (default: 60 "
        "seconds).",
        default=60,
        section=WAITING,
    )

    def __post_init__(self) -> None:
        read_fields(self)
