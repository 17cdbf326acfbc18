"""Whether instances serve, by one look: healthy in every target group, on every port, and in service in their group."""

from collections.abc import Iterable

from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.serving import Obstacle, ObstacleKind, obstacle
from awsroll.core.model.observation import Instance, TargetKey, TemplateVersion
from awsroll.stages.scope import Scope
from awsroll.stages.stage_tags import registered_at


def expected_keys(scope: Scope, one: Instance) -> tuple[TargetKey, ...]:
    """Return where the instance should be healthy: where it is, where it is to be, and where most of the fleet is."""
    found = set(active_registrations(one))
    found |= set(registered_at(one, scope.arns)) | scope.usual
    if one.lifecycle is not None:
        found |= scope.managed
    covered = {key.target_group for key in found}
    return tuple(sorted(found | {scope.default_key(arn) for arn in scope.arns if arn not in covered}))


def lacking(scope: Scope, one: Instance, template: TemplateVersion | None = None) -> str:
    """Say what an instance lacks to serve; empty if it serves."""
    found = obstacle(one, expected_keys(scope, one), in_group=scope.is_group)
    on_target = found is None or found.kind is ObstacleKind.TARGET
    if on_target and template is not None and one.template != template:
        return f"{one.instance_id} runs {one.template or 'no known launch template'}, not {template}"
    return "" if found is None else f"{one.instance_id} is {_words(scope, one, found)}"


def _words(scope: Scope, one: Instance, found: Obstacle) -> str:
    match found.kind:
        case ObstacleKind.NOT_RUNNING:
            return f"{one.state} ({one.state_reason})" if one.state_reason else str(one.state)
        case ObstacleKind.NOT_IN_SERVICE:
            return f"{one.lifecycle_detail or one.lifecycle or 'not a member'} in its group"
        case ObstacleKind.MARKED_UNHEALTHY:
            return "marked unhealthy in its group"
        case ObstacleKind.TARGET:
            return _target_words(scope, one, found.key)


def _target_words(scope: Scope, one: Instance, key: TargetKey | None) -> str:
    if key is None:
        return "not registered"
    target = one.target(key)
    said = "not registered" if target is None else f"{target.state} {target.reason}".strip()
    return f"{said} in {scope.described[key.target_group]['TargetGroupName']} on port {key.port}"


def serving(scope: Scope, instances: Iterable[Instance], template: TemplateVersion | None = None) -> tuple[str, ...]:
    """Return which of the instances serve."""
    return tuple(one.instance_id for one in instances if not lacking(scope, one, template))


def left_serving(scope: Scope, without: Iterable[str]) -> tuple[str, ...]:
    """Return who of the fleet serves besides these instances."""
    others = (scope.members if scope.is_group else scope.registrations).keys() - set(without)
    return serving(scope, scope.look(sorted(others)).values())
