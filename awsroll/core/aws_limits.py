"""Limits of AWS: the items in one call, the size of values, and the lifetime of client tokens.

A comment shows if AWS does not publish the limit, or if awsroll stays below it. Call rates are in `aws/rate_limit.py`.
"""

from datetime import timedelta

# All services
TOGETHER = 100  # servers in one call that changes them; TerminateInstances takes 1000, but advises small batches

# EC2
FILTER_VALUES = 200  # more values in one filter: FilterLimitExceeded
INSTANCES_PER_PAGE = 1000
INSTANCE_STATUSES_DESCRIBED = 100
INSTANCES_TAGGED = 200  # AWS takes 1000 ids; a smaller batch loses less to one unknown id
TAG_VALUE_CHARACTERS = 256
RUN_INSTANCES_TOKEN_LIFETIME = timedelta(hours=12)  # not published; a safe lower bound
TAGS_PER_RESOURCE = 50  # also of groups and target groups; tags that begin with `aws:` do not count

# EC2 Auto Scaling
GROUPS_PER_PAGE = 100
ACTIVITIES_PER_PAGE = 100
MEMBERS_DESCRIBED = 50
MEMBERS_LAUNCHED = 100
LAUNCH_INSTANCES_TOKEN_LIFETIME = timedelta(hours=7)  # AWS forgets the token after 8 hours and launches again
MEMBERS_TERMINATED = 100
STANDBY_MEMBERS = 20

# Elastic Load Balancing
TARGETS = 100  # not published
TARGETS_PER_GROUP = 1000  # the default quota
TARGETS_PER_ZONE_OF_NETWORK_LOAD_BALANCER = 500  # the default quota
TARGET_GROUPS_DESCRIBED = 20
LOAD_BALANCERS_DESCRIBED = 20
RESOURCES_WITH_TAGS_DESCRIBED = 20
DEREGISTRATION_DELAY_SECONDS = 3600
HEALTH_CHECK_INTERVAL_SECONDS = (5, 300)
HEALTHY_THRESHOLD = (2, 10)

# CloudWatch
ALARMS_DESCRIBED = 100
METRICS_READ = 500

# Systems Manager
COMMAND_INSTANCES = 50
COMMANDS_PER_PAGE = 50
AGENTS_DESCRIBED = 50
COMMENT_CHARACTERS = 100

# Security Token Service
SESSION_NAME_CHARACTERS = 64
