"""The comparison of a request with an interrupted rollout: if they match, the rollout may be resumed."""

from dataclasses import replace

from awsroll.aws.connection import Connection
from awsroll.core.model.hooks import named
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import ReloadCommand, Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings
from awsroll.preflight.gate_checks import gates_of
from awsroll.preflight.reload_checks import reload_command
from awsroll.preflight.versions import pin


def changes_since(spec: RolloutSpec, rollout: Rollout, aws: Connection) -> tuple[str, ...]:
    """Return the options by which a request differs from a rollout; empty if they match.

    Deadlines and polling intervals are not compared: a rollout keeps those that it was started with.

    Args:
        spec: the request.
        rollout: the rollout of the same fleet.
        aws: the connection that resolves an alias such as `$Latest`, which may mean another version now.
    """
    same = {
        "--strategy": spec.strategy is rollout.strategy,
        "--concurrent (or --max-unavailable, --max-surge)": spec.amounts()
        == (rollout.max_unavailable, rollout.max_surge),
        "--max-running": spec.cap() == rollout.max_running,
        "the version": _is_same_version(spec, rollout, aws),
        "--rollback-command": spec.rollback_command == _commands(rollout.rollback_reload),
        "the checkpoints, --alarm, --bake-time, windows or freezes": replace(gates_of(spec), zones=rollout.gates.zones)
        == rollout.gates,
        "the hooks or --drain-probe": named(spec.all_hooks) == rollout.hooks,
        "--max-failures": spec.max_failures == rollout.max_failures,
        "--on-failure": spec.after_failure is rollout.on_failure,
        "--keep-failed": spec.keep_failed == rollout.keep_failed,
        "--keep-old": spec.keep_old == rollout.keep_old,
        "--protected": spec.protected is rollout.protected,
        "--standby": spec.standby is rollout.standby,
        "--warm-pool": (spec.warm_pool == "purge" and bool(rollout.group)) == rollout.purges_warm_pool,
        "--deregistration-delay": spec.deregistration_delay == rollout.deregistration_delay_seconds,
        "--health-check-interval": spec.health_check_interval == rollout.health_check_interval_seconds,
        "--health-check-threshold": spec.health_check_threshold == rollout.health_check_threshold,
    }
    return tuple(name for name, is_same in same.items() if not is_same)


def _is_same_version(spec: RolloutSpec, rollout: Rollout, aws: Connection) -> bool:
    if spec.strategy is Strategy.RELOAD or rollout.template is None:
        return rollout.reload == reload_command(spec, spec.app_version)
    named_version = spec.launch_template or rollout.template.template_id
    return pin(aws, named_version, None, Findings()) == rollout.template


def _commands(reload: ReloadCommand | None) -> tuple[str, ...]:
    return () if reload is None else reload.commands
