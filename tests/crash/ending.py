"""Checks after the end: the fleet is complete, on the right version, with restored settings and without leftovers.

`Found` is recorded before the rollout; `problems` compares it with the state some time after the end.
"""

from dataclasses import dataclass
from typing import Any

from awsroll.sandbox import Fleet, Sandbox, SandboxServer
from tests.crash.scenarios import APP_VERSION, LOADED, Scenario
from tests.crash.watch import Watch

REMEMBERED = "awsroll:was:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The settings that a rollout must leave unchanged."""

    group: dict[str, Any]
    target_groups: dict[str, Any]

    @classmethod
    def of(cls, sandbox: Sandbox | SandboxServer, fleet: Fleet) -> "Found":
        groups = [one for one in sandbox.autoscaling.groups() if one.name == fleet.group_name]
        kept = {name: _group_settings(one) for one in groups for name in [one.name]}
        elb = sandbox.session().client("elbv2")
        tags = elb.describe_tags(ResourceArns=list(fleet.target_group_arns))["TagDescriptions"]
        tagged = {item["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in item["Tags"]} for item in tags}
        own = {arn: _target_group_settings(sandbox.elb.target_group(arn)) for arn in fleet.target_group_arns}
        return cls(group=kept, target_groups={arn: (own[arn], tagged.get(arn, {})) for arn in own})


def _target_group_settings(group: Any) -> tuple[float, float, int]:
    return group.deregistration_delay_seconds, group.interval_seconds, group.healthy_threshold


def _group_settings(group: Any) -> dict[str, Any]:
    return {
        "min": group.min_size,
        "max": group.max_size,
        "desired": group.desired,
        "suspended": sorted(group.suspended),
        "tags": {key: tag.value for key, tag in group.tags.items()},
        "settings": dict(group.settings),
    }


class Ending:
    """Checks the end of one run."""

    def __init__(self, sandbox: Sandbox | SandboxServer, fleet: Fleet, scenario: Scenario) -> None:
        self._sandbox = sandbox
        self._fleet = fleet
        self._scenario = scenario
        self._found = Found.of(sandbox, fleet)

    def problems(self, watch: Watch) -> list[str]:
        """Return descriptions of the problems."""
        return [*self._capacity(watch), *self._versions(watch), *self._settings(), *self._doubles(watch)]

    def _capacity(self, watch: Watch) -> list[str]:
        wanted, found = self._scenario.servers, []
        if len(watch.live) != wanted:
            found.append(f"{len(watch.live)} instances live at the end, not {wanted}: {sorted(watch.live)}")
        if len(watch.kept) != self._scenario.kept:
            found.append(f"{sorted(watch.kept)} are kept for inspection, not {self._scenario.kept}")
        if watch.serving != watch.live:
            found.append(f"of {sorted(watch.live)} only {sorted(watch.serving)} serve at the end")
        listed = {one.instance_id for arn in self._fleet.target_group_arns for one in self._sandbox.elb.targets(arn)}
        if orphans := sorted(watch.live - listed):
            found.append(f"{orphans} run outside the target groups")
        if left := sorted(listed - watch.live):
            found.append(f"{left} are still listed in the target groups")
        if self._scenario.grouped:
            members = {name for name, state in watch.lifecycles.items() if state == "InService"}
            if members != watch.live:
                found.append(f"{sorted(members)} are in service in the group, {sorted(watch.live)} live")
        return found

    def _versions(self, watch: Watch) -> list[str]:
        live = [one for one in self._sandbox.ec2.instances() if one.instance_id in watch.live]
        if self._scenario.reloads:
            serves = self._scenario.serves
            mark = "" if serves == LOADED else APP_VERSION
            return [
                f"{one.instance_id} serves {one.version_label} and is tagged {one.tags.get('awsroll:app-version')}"
                for one in live
                if (one.version_label, one.tags.get("awsroll:app-version", "")) != (serves, mark)
            ]
        wanted = self._scenario.ends_on
        return [
            f"{one.instance_id} is on version {one.template_version}" for one in live if one.template_version != wanted
        ]

    def _settings(self) -> list[str]:
        now = Found.of(self._sandbox, self._fleet)
        found = [
            f"{name} of the group is {now.group[group][name]}, it was {value}"
            for group, settings in self._found.group.items()
            for name, value in settings.items()
            if now.group[group][name] != value
        ]
        found += [
            f"delay, health checks and tags of {arn} are {now.target_groups[arn]}, they were {value}"
            for arn, value in self._found.target_groups.items()
            if now.target_groups[arn] != value
        ]
        for group in self._sandbox.autoscaling.groups():
            wanted = "1" if self._scenario.reloads else str(self._scenario.ends_on)
            version = group.effective_template.version
            if group.name == self._fleet.group_name and version != wanted:
                found.append(f"the group launches version {version}, not {wanted}")
        return found

    def _doubles(self, watch: Watch) -> list[str]:
        launched = sorted(watch.launched)
        wanted = self._scenario.launches
        found = [] if len(launched) == wanted else [f"{len(launched)} were launched, not {wanted}: {launched}"]
        # The script takes effect once per attempt and text: two texts are two effects.
        effects: dict[tuple[str, bool], set[str]] = {}
        for one in self._sandbox.ssm.deliveries():
            effects.setdefault((one.instance_id, f"sandbox-version {LOADED}" in one.text), set()).add(one.text)
        twice = [name for (name, _), texts in effects.items() if len(texts) > 1]
        rehearsed = int(bool(self._scenario.wanted.get("rehearse")))  # one server gets the new code twice
        found += [f"{name} was reloaded more than once" for name in sorted(twice)[rehearsed:]]
        return found
