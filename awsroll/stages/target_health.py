"""Whether instances serve, by one observation and the rule that the engine uses, too."""

from collections.abc import Iterable

from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.serving import Obstacle, ObstacleKind, obstacle
from awsroll.core.model.observation import Instance, TargetKey, TemplateVersion
from awsroll.stages.scope import Scope
from awsroll.stages.stage_tags import registered_at


def required_keys(scope: Scope, instance: Instance) -> tuple[TargetKey, ...]:
    """Return where an instance must be healthy: where it is or will be registered, and where most of the fleet is."""
    keys = set(active_registrations(instance)) | set(registered_at(instance, scope.arns)) | scope.usual
    if instance.lifecycle is not None:
        keys |= scope.managed
    covered = {key.target_group for key in keys}
    return tuple(sorted(keys | {scope.default_key(arn) for arn in scope.arns if arn not in covered}))


def why_not_serving(scope: Scope, instance: Instance, template: TemplateVersion | None = None) -> str:
    """Return why an instance does not serve, as a line for people; empty if it serves."""
    first = obstacle(instance, required_keys(scope, instance), in_group=scope.is_group)
    runs = first is None or first.kind is ObstacleKind.TARGET
    if runs and template is not None and instance.template != template:
        return f"{instance.instance_id} runs {instance.template or 'no known launch template'}, not {template}"
    return "" if first is None else f"{instance.instance_id} is {_describe(scope, instance, first)}"


def _describe(scope: Scope, instance: Instance, first: Obstacle) -> str:
    match first.kind:
        case ObstacleKind.NOT_RUNNING:
            return f"{instance.state} ({instance.state_reason})" if instance.state_reason else str(instance.state)
        case ObstacleKind.NOT_IN_SERVICE:
            return f"{instance.lifecycle_detail or instance.lifecycle or 'not a member'} in its group"
        case ObstacleKind.MARKED_UNHEALTHY:
            return "marked unhealthy in its group"
        case ObstacleKind.TARGET:
            return _describe_target(scope, instance, first.key)


def _describe_target(scope: Scope, instance: Instance, key: TargetKey | None) -> str:
    if key is None:
        return "not registered"
    target = instance.target(key)
    state = "not registered" if target is None else f"{target.state} {target.reason}".strip()
    if target is not None and target.shifted:
        state = f"{state}, but a zonal shift keeps requests away,"
    return f"{state} in {scope.described[key.target_group]['TargetGroupName']} on port {key.port}"


def serving(scope: Scope, instances: Iterable[Instance], template: TemplateVersion | None = None) -> tuple[str, ...]:
    """Return the ids of the instances that serve."""
    return tuple(one.instance_id for one in instances if not why_not_serving(scope, one, template))


def others_serving(scope: Scope, without: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the servers of the fleet that serve, without these."""
    others = (scope.members if scope.is_group else scope.registrations).keys() - set(without)
    return serving(scope, scope.observe(sorted(others)).values())
