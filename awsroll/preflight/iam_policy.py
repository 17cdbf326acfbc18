"""The IAM policy for one fleet and one request. It looks up the values that `awsroll.iam` needs. Read only."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, assert_never

from awsroll import iam
from awsroll.aws.connection import Connection
from awsroll.core.classify.draining import may_raise_delay
from awsroll.core.decide.launch_batches import LAUNCHED_SINGLY
from awsroll.core.model.destinations import without_secrets
from awsroll.core.model.hooks import HookKind, HookPoint, HookSpec
from awsroll.core.model.observation import TemplateVersion
from awsroll.core.model.period import calendars_of
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.sign_key import SignKey
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import AwsRefusedError, FleetError, SpecError
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts
from awsroll.preflight.image_checks import IMAGE_BY_PARAMETER, parameter_and_version
from awsroll.preflight.inspect_group import inspect_group
from awsroll.preflight.inspect_standalone import inspect_standalone
from awsroll.preflight.lookups import find_group, find_target_groups
from awsroll.preflight.versions import pin, template_data


def policy_for(spec: RolloutSpec, aws: Connection, *, store: str = "", sign_key: str | None = None) -> dict[str, Any]:
    """Return the least permissions for such rollouts of a fleet, with rollbacks and repairs.

    Args:
        spec: the request; the command and the version may be left out.
        aws: the connection to the fleet's account and region.
        store: the store, in the form of `--state`.
        sign_key: the key that signs what is stored, in the form of `--sign-key`.

    Raises:
        SpecError: if the request or the key is invalid.
        FleetError: if the fleet, a template or an instance profile does not exist.
        AwsError: if AWS refuses a call or does not answer.
    """
    problems = _completed(spec).problems()
    if problems:
        raise SpecError(*problems)
    fleet = _observe(aws, spec)
    arns = tuple(group.arn for group in fleet.target_groups)
    if not arns:
        problem = f"{fleet.name} is in no target group, so awsroll cannot roll it and there is no policy for it"
        raise FleetError(problem)
    _, partition, _, region, account, _ = arns[0].split(":", 5)
    extra = () if fleet.group is None else fleet.group.extra_targets
    return iam.policy(
        iam.Place(partition=partition, region=region, account=account),
        iam.Fleets(
            groups=() if fleet.group is None else (fleet.group.name,),
            names=(fleet.name,) if fleet.group is None else (),
            target_groups=arns,
            extra_target_groups=tuple(sorted({key.target_group for key in extra})),
            network_load_balancers=any(routing.behind_network_load_balancer for routing in fleet.routing),
        ),
        replace(
            _with_templates(aws, spec, fleet, _rollouts(spec, fleet, store)),
            store_key=_store_key(aws, store),
            sign_key="" if sign_key is None else SignKey.parse(sign_key).kms,
        ),
    )


def _completed(spec: RolloutSpec) -> RolloutSpec:
    """Return the request with the options that it requires but a policy does not depend on."""
    if spec.strategy is Strategy.RELOAD:
        return spec if spec.command or spec.document else replace(spec, command=("true",))
    return spec if spec.launch_template or spec.asg else replace(spec, launch_template="any")


def _observe(aws: Connection, spec: RolloutSpec) -> FleetFacts:
    """Observe the fleet. It must exist, but the checks of a rollout do not apply."""
    unknown_names = Findings()
    if spec.asg:
        find_group(aws, spec.asg, unknown_names)
    find_target_groups(aws, spec.target_group, unknown_names)
    unknown_names.raise_refusals()
    fleet = (inspect_group if spec.asg else inspect_standalone)(aws, spec, Findings())
    if fleet is None:  # unreachable: the fleet exists
        problem = f"{spec.asg or ', '.join(spec.target_group)} cannot be observed"
        raise FleetError(problem)
    return fleet


def _rollouts(spec: RolloutSpec, fleet: FleetFacts, store: str) -> iam.Rollouts:
    _, surge = spec.amounts()
    functions, script_points = _functions_and_script_points(spec.all_hooks)
    return iam.Rollouts(
        strategy=spec.strategy.value,
        surges=surge.value > 0,
        keep_old=spec.keep_old,
        keeps_failed=spec.keep_failed > 0,
        alarms=bool(spec.alarm),
        reads_metrics=any(hook.point is HookPoint.WHILE_JUDGING for hook in spec.all_hooks),
        calendars=calendars_of((*spec.windows, *spec.freezes)),
        notify=without_secrets(spec.notify),
        changes_deregistration_delay=spec.deregistration_delay is not None
        or any(may_raise_delay(group) for group in fleet.target_groups),
        changes_health_checks=(spec.health_check_interval, spec.health_check_threshold) != (None, None),
        launches_batches=fleet.group is None and len(fleet.instances) > LAUNCHED_SINGLY,
        purges_warm_pool=spec.warm_pool == "purge",
        documents=(spec.document,) if spec.document else (),
        runs_commands=bool(spec.command or spec.rollback_command),
        functions=functions,
        script_points=script_points,
        store=store,
    )


def _functions_and_script_points(hooks: Iterable[HookSpec]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the Lambda functions that hooks invoke, and the points at which they run scripts on servers."""
    functions: list[str] = []
    script_points: list[str] = []
    for hook in hooks:
        match hook.kind:
            case HookKind.FUNCTION:
                functions.append(hook.function)
            case HookKind.SCRIPT:
                script_points.append(hook.point.value)
            case HookKind.METRIC | HookKind.ANOMALIES:  # every judge may read metrics, and every rollout the health
                pass
            case (
                HookKind.COMMAND | HookKind.CALLABLE | HookKind.URL
            ):  # they run beside awsroll, with permissions of their own
                pass
            case _:
                assert_never(hook.kind)
    return tuple(functions), tuple(script_points)


def _with_templates(aws: Connection, spec: RolloutSpec, fleet: FleetFacts, rollouts: iam.Rollouts) -> iam.Rollouts:
    """Add what launches use: old and new templates with their roles and images."""
    if spec.strategy is Strategy.RELOAD:
        return rollouts
    findings = Findings()
    versions = _versions(aws, spec, fleet, findings)
    templates = [template_data(aws, version) for version in versions]
    roles = [_role(aws, data["IamInstanceProfile"], findings) for data in templates if data.get("IamInstanceProfile")]
    findings.raise_refusals()
    images = [str(data.get("ImageId", "")) for data in templates]
    return replace(
        rollouts,
        launch_templates=tuple(sorted({version.template_id for version in versions})),
        roles=tuple(sorted({arn for arns in roles for arn in arns})),
        image_parameters=tuple(
            sorted({parameter_and_version(image)[0] for image in images if image.startswith(IMAGE_BY_PARAMETER)})
        ),
        **_uses(templates, default_key=_default_volume_key(aws)),
    )


def _default_volume_key(aws: Connection) -> str:
    """Return the key of volumes that name none; empty without one, or if AWS does not show it."""
    with suppress(AwsRefusedError):
        return aws.ec2.default_volume_key()
    return ""


def _uses(templates: Iterable[Mapping[str, Any]], *, default_key: str) -> dict[str, Any]:
    """Return what the templates use beside their images: keys, groups of reservations, licenses, Spot requests."""
    keys, groups, licenses = {default_key} - {""}, set[str](), set[str]()
    tags_spot_requests = False
    for data in templates:
        keys |= {str(disk["Ebs"]["KmsKeyId"]) for disk in data.get("BlockDeviceMappings", []) if _key_of(disk)}
        target = data.get("CapacityReservationSpecification", {}).get("CapacityReservationTarget", {})
        groups |= {str(arn) for arn in (target.get("CapacityReservationResourceGroupArn"),) if arn}
        licenses |= {str(each["LicenseConfigurationArn"]) for each in data.get("LicenseSpecifications", [])}
        tagged = {each.get("ResourceType") for each in data.get("TagSpecifications", []) if each.get("Tags")}
        tags_spot_requests |= "spot-instances-request" in tagged
    return {
        "keys": tuple(sorted(keys)),
        "capacity_groups": tuple(sorted(groups)),
        "licenses": tuple(sorted(licenses)),
        "tags_spot_requests": tags_spot_requests,
    }


def _key_of(disk: Mapping[str, Any]) -> str:
    return str(disk.get("Ebs", {}).get("KmsKeyId") or "")


def _store_key(aws: Connection, store: str) -> str:
    """Return the customer managed key of the store; empty without one, or if AWS does not show it."""
    if not store:
        return ""
    address = StoreAddress.parse(store)
    with suppress(AwsRefusedError):
        match address.kind:
            case StoreKind.DIRECTORY:
                return ""
            case StoreKind.S3:
                return aws.s3.encryption_key(address.name.partition("/")[0])
            case StoreKind.DYNAMODB:
                table = aws.dynamodb.table(address.name) or {}
                return str(table.get("SSEDescription", {}).get("KMSMasterKeyArn") or "")
            case _:
                assert_never(address.kind)
    return ""


def _versions(aws: Connection, spec: RolloutSpec, fleet: FleetFacts, findings: Findings) -> list[TemplateVersion]:
    """Return the template versions that may be launched: the goal, the group's setting, and what runs now."""
    setting = None if fleet.group is None else fleet.group.setting
    wanted: Iterable[TemplateVersion | None] = [
        pin(aws, spec.launch_template, setting, findings),
        None if setting is None else pin(aws, str(setting), setting, findings),
        *(instance.template for instance in fleet.live),
    ]
    return sorted({version for version in wanted if version is not None}, key=str)


def _role(aws: Connection, profile: dict[str, str], findings: Findings) -> tuple[str, ...]:
    name = profile.get("Name") or profile.get("Arn", "").rpartition("/")[2]
    roles = aws.iam.roles_of_profile(name)
    if roles is None:
        findings.refuse(f"there is no instance profile {name!r}, which a launch template names: correct the template")
    return roles or ()
