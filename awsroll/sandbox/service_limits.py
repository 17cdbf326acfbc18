"""The limits of the AWS APIs that the sandbox enforces, each in one place."""

from datetime import timedelta

from awsroll.sandbox.handler_parts import PageSize

# --- EC2 ---
CHANGED_INSTANCES = 1000
"""The most instance ids in one call that changes instances."""
DESCRIBED_INSTANCE_STATUSES = 100
"""The most instance ids in one DescribeInstanceStatus."""
INSTANCES_PER_PAGE = (5, 1000)
"""The bounds of `MaxResults` in calls that describe instances."""
TAGGED_RESOURCES = 1000
"""The most resources in one call that sets or deletes tags."""
TEMPLATES_PER_PAGE = 200
TOKEN_LENGTH = 64
"""The most characters of the client token of RunInstances."""

# --- Elastic Load Balancing ---
LONGEST_DEREGISTRATION_DELAY_SECONDS = 3600
TAGGED_LOAD_BALANCING = 20
"""The most resources in one AddTags or DescribeTags."""

# --- Auto Scaling ---
GROUP_PAGES = PageSize(default=50, most=100)
"""The pages of groups, and of tags, scheduled actions and instance refreshes."""
SHORTEST_LIFETIME_SECONDS = 86_400
"""The shortest maximum lifetime of the instances of a group."""
MEMBER_PAGES = PageSize(default=50, most=50)
ACTIVITY_PAGES = PageSize(default=100, most=100)
TARGET_GROUP_PAGES = PageSize(default=100, most=100)
TRAFFIC_SOURCE_PAGES = PageSize(default=50, most=50)
DESCRIBED_MEMBERS = 50
MOVED_MEMBERS = 20
"""The most instance ids in one call that attaches, detaches, or moves to or from standby."""
PROTECTED_MEMBERS = 50
LAUNCHED_MEMBERS = 100
LAUNCH_TOKEN = r"[A-Za-z0-9\-_\/]{1,64}"  # noqa: S105  no password
"""The pattern of the client token of LaunchInstances (service model)."""
TERMINATED_MEMBERS = 100
TARGET_GROUPS_PER_CALL = 10
HOOKS_PER_GROUP = 50
HEARTBEAT_SECONDS = (30, 7200)
LONGEST_HOOK_WAIT_SECONDS = 48 * 3600
LONGEST_HOOK_WAIT_HEARTBEATS = 100
ACTIVITY_RETENTION = timedelta(weeks=6)
ACTIVITY_CAUSE_LENGTH = 1023
ACTIVITY_MESSAGE_LENGTH = 255

# --- Systems Manager ---
COMMAND_PAGES = PageSize(default=50, most=50, parameter="MaxResults", refusal="ValidationException")
NODE_PAGES = PageSize(default=10, least=5, most=50, parameter="MaxResults", refusal="ValidationException")
COMMAND_INSTANCES = 50
COMMAND_TARGETS = 5
COMMENT_LENGTH = 100
DELIVERY_TIMEOUT_SECONDS = (30, 2_592_000)
PLUGIN_OUTPUT_LENGTH = 2500

# --- CloudWatch ---
ALARM_PAGES = PageSize(default=50, most=100)
DESCRIBED_ALARMS = 100
