"""The table of options: one row for each field of `RolloutSpec`, with what it means, its unit and its default.

The command line, the rollout file and its schema are all made from it; a test holds it to the dataclass.
"""

from awsroll.cli.flags import FLEET, LIMITS, VERSION, Flag
from awsroll.core.model.rollout import OnFailure, SkipPolicy, Strategy

SPEC_FLAGS = (
    Flag(field="asg", type=str, metavar="NAME", section=FLEET, help="An Auto Scaling group, by name or ARN."),
    Flag(
        field="target_group",
        type=list[str],
        metavar="NAME|ARN",
        section=FLEET,
        help="A target group that servers are registered in by hand; repeat it for several. Beside --asg: one that is "
        "not attached to the group.",
    ),
    Flag(
        field="launch_template",
        type=str,
        metavar="ID|NAME[:VERSION]",
        section=VERSION,
        help="Launch template; VERSION is a number, $Latest or $Default, looked up once and pinned (default: $Latest; "
        "for --asg without this option, the group's own template at $Latest).",
    ),
    Flag(
        field="command",
        type=list[str],
        metavar="SHELL",
        section=VERSION,
        help="reload: a shell line to run on each server; repeat it for several, run in order.",
    ),
    Flag(field="document", type=str, metavar="NAME", section=VERSION, help="reload: an SSM document to run instead."),
    Flag(
        field="parameter",
        type=list[str],
        metavar="K=V",
        section=VERSION,
        help="reload: a parameter of the document; repeat it for several, or for several values of one.",
    ),
    Flag(
        field="rollback_command",
        type=list[str],
        metavar="SHELL",
        section=VERSION,
        help="reload: a shell line that brings the old version back; repeat it for several, run in order.",
    ),
    Flag(
        field="app_version",
        type=str,
        metavar="TEXT",
        section=VERSION,
        help="reload: the new version's name; servers that carry it already are skipped (default: made up).",
    ),
    Flag(
        field="strategy",
        type=Strategy,
        section=LIMITS,
        help="replace servers n at a time, double-half (all new ones first, then the old go), or reload new code on "
        "the same servers (default: replace).",
    ),
    Flag(
        field="concurrent",
        type=str,
        metavar="N|N%",
        section=LIMITS,
        help="How many servers at a time, 1 or more, or 1% to 100% of them (default: 1).",
    ),
    Flag(
        field="launch_first",
        type=bool,
        section=LIMITS,
        help="replace: launch each new server before an old one goes (default: terminate first).",
    ),
    Flag(
        field="max_unavailable",
        type=str,
        metavar="N|N%",
        section=LIMITS,
        help="Instead of --concurrent: how many servers may be out of service; a percentage rounds down (default: 0).",
    ),
    Flag(
        field="max_surge",
        type=str,
        metavar="N|N%",
        section=LIMITS,
        help="Instead of --concurrent: how many more than desired may run; a percentage rounds up (default: 0).",
    ),
    Flag(
        field="checkpoint",
        type=list[str],
        metavar="N|N%",
        section=LIMITS,
        help="Touch no more than so many servers before the next gate opens; repeat it for several, each more than the "
        "one before; a percentage rounds down, to 1 at least (default: none).",
    ),
    Flag(
        field="checkpoint_delay",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long each checkpoint's gate stays closed at the least (default: 0 seconds).",
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
        help="How long each checkpoint waits for that, once its delay is over; a gate that nobody has approved by then "
        "is a failure (default: it waits for ever).",
    ),
    Flag(
        field="bake_time",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long the whole new fleet is watched at the end before success is declared (default: 0 seconds).",
    ),
    Flag(
        field="alarm",
        type=list[str],
        metavar="NAME",
        section=LIMITS,
        help="A CloudWatch alarm, metric or composite: in ALARM, it is a failure at any time; repeat it for several.",
    ),
    Flag(
        field="max_failures",
        type=int,
        metavar="N",
        section=LIMITS,
        help="How many replacements may fail and be tried again (default: 0).",
    ),
    Flag(
        field="on_failure",
        type=OnFailure,
        section=LIMITS,
        help="What one more failure leads to: rollback, pause or stop (default: rollback; for a reload without "
        "--rollback-command: stop).",
    ),
    Flag(
        field="keep_old",
        type=bool,
        section=LIMITS,
        help="Keep the old servers running, out of traffic, until the bake time has passed: going back then takes no "
        "boot; with double-half, or a surge of 100% (default: no).",
    ),
    Flag(
        field="min_healthy_time",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long a new server must be healthy without a break before it counts (default: 0 seconds).",
    ),
    Flag(
        field="drain_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="The longest drain (default: deregistration delay + 60 seconds + the group's terminate hooks; less is "
        "refused).",
    ),
    Flag(
        field="launch_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="The longest time from asking for a server until it runs (default: 600 seconds + the group's hooks).",
    ),
    Flag(
        field="healthy_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="The longest time from registering until a server serves (default: 600 seconds, or what the health check "
        "needs).",
    ),
    Flag(
        field="progress_timeout",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="The longest time without any progress (default: 3600 seconds).",
    ),
    Flag(
        field="deregistration_delay",
        type=int,
        metavar="SECONDS",
        section=LIMITS,
        help="Set on the target groups for this rollout only, 0 to 3600 seconds (default: as it is).",
    ),
    Flag(
        field="protected",
        type=SkipPolicy,
        section=LIMITS,
        help="Servers protected from termination: wait for a person to free them (an hour, then a failure), ignore or "
        "replace them (default: wait).",
    ),
    Flag(field="standby", type=SkipPolicy, section=LIMITS, help="Servers in standby: the same (default: wait)."),
    Flag(
        field="warm_pool",
        type=str,
        metavar="refuse|purge",
        section=LIMITS,
        help="A group with a warm pool: refuse it, or purge: delete the pool with its servers, and put it back at the "
        "end (default: refuse).",
    ),
    Flag(
        field="strict",
        type=bool,
        section=LIMITS,
        help="Refuse when a target group holds servers that are not of the fleet (default: leave them alone).",
    ),
    Flag(
        field="poll",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="The longest time between two looks; fractions allowed (default: as fits what is awaited).",
    ),
    Flag(
        field="settle_time",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long a call whose answer was lost may stay unseen before it is repeated (default: 60 seconds).",
    ),
    Flag(
        field="lease",
        type=float,
        metavar="SECONDS",
        section=LIMITS,
        help="How long the fleet stays held without a sign of life from this process, 5 or more (default: 60 seconds).",
    ),
)
