"""What a policy is asked for: where, for which fleets, and what their rollouts may do. Plain values, nothing looked up.

Any of the strings may be a placeholder that is filled in later (a CDK token), so none of them is taken apart; only
documents, functions and the store's address are looked at, for how they begin.
"""

from dataclasses import dataclass

RELOAD = "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the fleets are.

    Attributes:
        partition: `aws`, `aws-cn`, `aws-us-gov`.
    """

    partition: str = "aws"
    region: str
    account: str

    def arn(self, service: str, resource: str, *, account: str | None = None) -> str:
        """Return the ARN of something in this place.

        Args:
            service: as ARNs name it.
            resource: everything after the account.
            account: of what belongs to nobody or to another one; None: this one.
        """
        owner = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{self.region}:{owner}:{resource}"

    def of_everywhere(self, service: str, account: str, resource: str) -> str:
        """Return the ARN of something that belongs to no region."""
        return f"arn:{self.partition}:{service}::{account}:{resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleets:
    """The fleets that may be rolled: all of them groups, or all of them registered by hand.

    Attributes:
        groups: names of Auto Scaling groups; none: the fleets are standalone.
        names: of standalone fleets, as awsroll marks their servers: the names of a fleet's target groups, sorted and
            joined by `+`. None: not known, so any server that a rollout has marked may be terminated.
        target_groups: ARNs of all their target groups.
        extra_target_groups: ARNs of those of them that members of a group are registered in by hand, on another port
            or beside what the group does by itself.
    """

    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    target_groups: tuple[str, ...] = ()
    extra_target_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """What the rollouts of the fleets may do.

    Attributes:
        strategy: `replace`, `double-half` or `reload`.
        surges: more servers than desired may run at a time: `--launch-first`, `--max-surge`. Double-half always does.
        keep_old: old servers stay, out of traffic, until the bake time has passed.
        alarms: CloudWatch alarms are watched.
        changes_deregistration_delay: `--deregistration-delay` is given.
        purges_warm_pool: `--warm-pool purge` is given.
        launch_templates: ids of the templates that are rolled to, and of those that a rollback returns to; none: any.
        roles: ARNs of the roles in the instance profiles of these templates.
        image_parameters: names or ARNs of the SSM parameters that these templates take their images from.
        documents: names or ARNs of the SSM documents that reload servers; none: shell commands do.
        runs_commands: shell commands reload servers, or bring them back, beside such documents.
        functions: names or ARNs of the Lambda functions of hooks.
        script_points: at which points hooks run scripts on servers.
        store: the store as `--state` names it; a directory, or nothing, needs no permission.
        roles_to_assume: ARNs of roles in other accounts that fleets are rolled with; a policy of its own is theirs.
        answers_tasks: a state machine waits for people by task token.
        stages: it is for the single stages, which a machine of one's own calls: what a whole rollout does beside them
            is left out.
    """

    strategy: str = "replace"
    surges: bool = False
    keep_old: bool = False
    alarms: bool = False
    changes_deregistration_delay: bool = False
    purges_warm_pool: bool = False
    launch_templates: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    image_parameters: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    runs_commands: bool = False
    functions: tuple[str, ...] = ()
    script_points: tuple[str, ...] = ()
    store: str = ""
    roles_to_assume: tuple[str, ...] = ()
    answers_tasks: bool = False
    stages: bool = False

    @property
    def reloads(self) -> bool:
        """Whether the servers stay and take new code in place."""
        return self.strategy == RELOAD

    @property
    def may_surge(self) -> bool:
        """Whether more servers than desired may run."""
        return not self.reloads and (self.surges or self.strategy == "double-half")

    @property
    def uses_shell(self) -> bool:
        """Whether shell lines are run on servers."""
        return bool(self.script_points) or (self.reloads and (self.runs_commands or not self.documents))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """All of it together."""

    place: Place
    fleets: Fleets
    rollouts: Rollouts

    @property
    def grouped(self) -> bool:
        """Whether the fleets are those of Auto Scaling groups."""
        return bool(self.fleets.groups)

    @property
    def tags_members(self) -> bool:
        """Whether members of a group are taken out of traffic by awsroll itself, and marked before."""
        rollouts = self.rollouts
        return rollouts.stages or rollouts.reloads or rollouts.keep_old or bool(self.fleets.extra_target_groups)
