"""Whether instances serve, by one look: healthy in every target group, on every port, and in service in their group."""

from collections.abc import Iterable

from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetKey, TargetState, TemplateVersion
from awsroll.stages.scope import Scope
from awsroll.stages.stage_tags import registered_at


def expected_keys(scope: Scope, one: Instance) -> tuple[TargetKey, ...]:
    """Return where the instance should be healthy: where it is, where it is to be, and where most of the fleet is."""
    found = {target.key for target in one.targets if target.state is not TargetState.DRAINING}
    found |= set(registered_at(one, scope.arns)) | scope.usual
    if one.lifecycle is not None:
        found |= scope.managed
    covered = {key.target_group for key in found}
    return tuple(sorted(found | {scope.default_key(arn) for arn in scope.arns if arn not in covered}))


def lacking(scope: Scope, one: Instance, template: TemplateVersion | None = None) -> str:
    """Say what an instance lacks to serve; empty if it serves."""
    name = one.instance_id
    if one.state is not InstanceState.RUNNING:
        why = f" ({one.state_reason})" if one.state_reason else ""
        return f"{name} is {one.state}{why}"
    if one.lifecycle not in (None, Lifecycle.IN_SERVICE):
        return f"{name} is {one.lifecycle_detail or one.lifecycle} in its group"
    if one.marked_unhealthy:
        return f"{name} is marked unhealthy in its group"
    if template is not None and one.template != template:
        return f"{name} runs {one.template or 'no known launch template'}, not {template}"
    for key in expected_keys(scope, one):
        target = one.target(key)
        if target is None or target.state is not TargetState.HEALTHY:
            said = "not registered" if target is None else f"{target.state} {target.reason}".strip()
            return f"{name} is {said} in {scope.described[key.target_group]['TargetGroupName']} on port {key.port}"
    return ""


def serving(scope: Scope, instances: Iterable[Instance], template: TemplateVersion | None = None) -> tuple[str, ...]:
    """Return which of the instances serve."""
    return tuple(one.instance_id for one in instances if not lacking(scope, one, template))


def left_serving(scope: Scope, without: Iterable[str]) -> tuple[str, ...]:
    """Return who of the fleet serves besides these instances."""
    others = (scope.members if scope.is_group else scope.registrations).keys() - set(without)
    return serving(scope, scope.look(sorted(others)).values())
