"""The input of a policy: the place, the fleets, and what their rollouts may do. Plain values only.

Each string may be a placeholder that is filled in later (a CDK token), so the code does not parse the strings. It only
reads the beginning of documents, functions and the store's address.
"""

from dataclasses import dataclass

RELOAD = "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The partition, region and account of the fleets.

    Attributes:
        partition: `aws`, `aws-cn`, `aws-us-gov`.
    """

    partition: str = "aws"
    region: str
    account: str

    def arn(self, service: str, resource: str, *, account: str | None = None) -> str:
        """Return the ARN of a resource in this place.

        Args:
            service: the service's name in ARNs.
            resource: the part of the ARN after the account.
            account: another account, or empty for a resource without an account; None: this account.
        """
        owner = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{self.region}:{owner}:{resource}"

    def of_everywhere(self, service: str, account: str, resource: str) -> str:
        """Return the ARN of a resource that belongs to no region."""
        return f"arn:{self.partition}:{service}::{account}:{resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleets:
    """The fleets that may be rolled: only Auto Scaling groups, or only standalone fleets.

    Attributes:
        groups: names of Auto Scaling groups; empty: the fleets are standalone.
        names: names of standalone fleets as in the fleet tag: the names of a fleet's target groups, sorted and joined
            by `+`. Empty: unknown, so any server with a fleet tag may be terminated.
        target_groups: ARNs of all target groups of the fleets.
        extra_target_groups: ARNs of target groups in which members of a group are registered by hand, besides the
            registrations that the group makes.
        network_load_balancers: a Network Load Balancer may be in front of the fleets; its attributes are read.
    """

    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    target_groups: tuple[str, ...] = ()
    extra_target_groups: tuple[str, ...] = ()
    network_load_balancers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """What the rollouts of the fleets may do.

    Attributes:
        strategy: `replace`, `double-half` or `reload`.
        surges: more servers than desired may run (`--launch-first`, `--max-surge`). Double-half always surges.
        keep_old: old servers stay, out of traffic, until the bake time ends.
        keeps_failed: failed new servers may be kept for inspection.
        alarms: the rollout watches CloudWatch alarms.
        reads_metrics: the rollout or its wave has a judge: a plan reads the fleet's rate of requests, and the judge of
            a wave counts.
        calendars: names or ARNs of the change calendars that rollouts follow; `*`: any.
        changes_deregistration_delay: `--deregistration-delay` is given, or a group is attached to a target group of a
            Network Load Balancer whose delay is below 120 seconds, so that awsroll raises it.
        changes_health_checks: `--health-check-interval` or `--health-check-threshold` is given.
        purges_warm_pool: `--warm-pool purge` is given.
        launch_templates: ids of the templates of new versions and of rollbacks; empty: any template.
        roles: ARNs of the roles in the instance profiles of these templates.
        image_parameters: names or ARNs of the SSM parameters that hold the images of these templates.
        keys: ids, ARNs or aliases of the customer managed keys of encrypted volumes.
        capacity_groups: ARNs of resource groups of capacity reservations that the templates name.
        licenses: ARNs of license configurations that the templates name.
        launches_batches: more than five standalone servers may be launched at once, with one call. Their servers get
            the user's tags after the launch.
        tags_spot_requests: a template sets tags on Spot Instance requests.
        documents: names or ARNs of the SSM documents that reload servers; empty: shell commands reload them.
        runs_commands: shell commands reload servers or roll them back, in addition to documents.
        functions: names or ARNs of the Lambda functions of hooks.
        script_points: the points at which hooks run scripts on servers.
        store: the store in the form of `--state`; a directory, or none, needs no permission.
        store_key: id, ARN or alias of the customer managed key that encrypts the store.
        sign_key: id, ARN or alias of the KMS key that signs what is stored; a key file needs no permission.
        roles_to_assume: ARNs of roles in other accounts that roll fleets there; each role has its own policy.
        answers_tasks: a state machine waits for approvals by task token.
        notify: where notices go, as in the option `notify`; a webhook needs no permission.
        stages: the policy is for single stages that a user's state machine calls. Permissions that only a whole
            rollout needs are left out.
    """

    strategy: str = "replace"
    surges: bool = False
    keep_old: bool = False
    keeps_failed: bool = False
    alarms: bool = False
    reads_metrics: bool = False
    calendars: tuple[str, ...] = ()
    changes_deregistration_delay: bool = False
    changes_health_checks: bool = False
    purges_warm_pool: bool = False
    launch_templates: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    image_parameters: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    capacity_groups: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    launches_batches: bool = False
    tags_spot_requests: bool = False
    documents: tuple[str, ...] = ()
    runs_commands: bool = False
    functions: tuple[str, ...] = ()
    script_points: tuple[str, ...] = ()
    store: str = ""
    store_key: str = ""
    sign_key: str = ""
    roles_to_assume: tuple[str, ...] = ()
    answers_tasks: bool = False
    notify: tuple[str, ...] = ()
    stages: bool = False

    @property
    def reloads(self) -> bool:
        """Return whether the servers stay and get new code in place."""
        return self.strategy == RELOAD

    @property
    def may_surge(self) -> bool:
        """Return whether more servers than desired may run."""
        return not self.reloads and (self.surges or self.strategy == "double-half")

    @property
    def uses_shell(self) -> bool:
        """Return whether shell commands run on servers."""
        return bool(self.script_points) or (self.reloads and (self.runs_commands or not self.documents))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """The whole input of a policy."""

    place: Place
    fleets: Fleets
    rollouts: Rollouts

    @property
    def grouped(self) -> bool:
        """Return whether the fleets are Auto Scaling groups."""
        return bool(self.fleets.groups)

    @property
    def tags_members(self) -> bool:
        """Return whether awsroll itself takes members of a group out of traffic, and tags them before."""
        rollouts = self.rollouts
        moves = rollouts.reloads or rollouts.keep_old or rollouts.keeps_failed
        return rollouts.stages or moves or bool(self.fleets.extra_target_groups)
