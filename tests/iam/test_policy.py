"""The statements of policies for each kind of fleet, strategy and partition."""

from itertools import product
from typing import Any

import pytest

from awsroll.iam import Fleets, FunctionKind, Place, Rollouts, function_policy, policy
from tests.iam.policies import (
    API,
    BY_HAND,
    GROUP,
    GROUP_ARN,
    HERE,
    KINDS,
    OWN,
    READ_BALANCERS,
    WEB,
    actions,
    ec2,
    statements,
)


def test_a_standalone_reload_reads_moves_traffic_tags_and_sends_a_command() -> None:
    instances = ec2("instance/*")
    ours = {"StringEquals": {"aws:ResourceTag/awsroll:fleet": ["web"]}}
    expected = [
        (
            "Read",
            [
                "autoscaling:DescribeAutoScalingInstances",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstances",
                *READ_BALANCERS,
                "vpc-lattice:ListTargetGroups",
                "vpc-lattice:ListTargets",
            ],
            ["*"],
            None,
        ),
        (
            "MoveTraffic",
            ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
            [WEB],
            None,
        ),
        ("LabelTargetGroups", ["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"], [WEB], OWN),
        (
            "TagServers",
            ["ec2:CreateTags"],
            instances,
            {**OWN, "StringEquals": {"aws:RequestTag/awsroll:fleet": ["web"]}},
        ),
        ("TagReloadedServers", ["ec2:CreateTags"], instances, {**OWN, **ours}),
        ("SendDocument", ["ssm:SendCommand"], ["arn:aws:ssm:eu-west-1::document/AWS-RunShellScript"], None),
        ("SendToServers", ["ssm:SendCommand"], instances, ours),
        (
            "ReadCommands",
            ["ssm:DescribeInstanceInformation", "ssm:ListCommandInvocations", "ssm:ListCommands"],
            ["*"],
            None,
        ),
    ]

    made = policy(HERE, BY_HAND, Rollouts(strategy="reload"))

    assert made == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": sid, "Effect": "Allow", "Action": names, "Resource": resources}
            | ({} if condition is None else {"Condition": condition})
            for sid, names, resources, condition in expected
        ],
    }


def test_servers_launch_only_from_the_fleets_templates_and_terminate_only_with_its_tag() -> None:
    made = statements(policy(HERE, BY_HAND, Rollouts(launch_templates=("lt-2", "lt-1"))))
    launch, tag, end = (made[one] for one in ("LaunchFromTemplate", "TagLaunches", "TerminateTaggedServers"))
    templates = ec2("launch-template/lt-1", "launch-template/lt-2")

    assert launch["Condition"] == {"ArnLike": {"ec2:LaunchTemplate": templates}}
    assert [one for one in launch["Resource"] if "launch-template" in one] == templates
    for sid in ("LaunchAsNamed", "LaunchWithNamed"):
        assert made[sid]["Condition"] == {"Bool": {"ec2:IsLaunchTemplateResource": "true"}}
    assert "arn:aws:ec2:eu-west-1::image/*" in made["LaunchAsNamed"]["Resource"]
    assert not [one for one in launch["Resource"] if "image" in one or "key-pair" in one]
    assert tag["Condition"] == {"StringEquals": {"ec2:CreateAction": ["RunInstances"]}}
    assert end["Condition"] == {"StringEquals": {"aws:ResourceTag/awsroll:fleet": ["web"]}}
    assert "LaunchInGroup" not in made


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["TerminateInstanceInAutoScalingGroup"]),
        ({"surges": True}, ["LaunchInstances", "SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup"]),
        (
            {"strategy": "double-half"},
            ["LaunchInstances", "SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup"],
        ),
        (
            {"strategy": "reload"},
            ["EnterStandby", "ExitStandby", "SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup"],
        ),
        (
            {"strategy": "double-half", "keep_old": True},
            [
                *("EnterStandby", "ExitStandby", "LaunchInstances", "SetDesiredCapacity"),
                "TerminateInstanceInAutoScalingGroup",
            ],
        ),
        ({"purges_warm_pool": True}, ["DeleteWarmPool", "PutWarmPool", "TerminateInstanceInAutoScalingGroup"]),
    ],
    ids=["replace", "launch-first", "double-half", "reload", "keep-old", "warm-pool"],
)
def test_a_group_is_steered_as_far_as_the_strategy_goes(wanted: dict[str, Any], expected: list[str]) -> None:
    always = {"ResumeProcesses", "SetInstanceHealth", "SuspendProcesses", "UpdateAutoScalingGroup"}
    made = statements(policy(HERE, GROUP, Rollouts(**wanted)))

    assert [one for one in actions(GROUP, "SteerGroup", **wanted) if one not in always] == expected
    assert always <= set(actions(GROUP, "SteerGroup", **wanted))
    assert (made["SteerGroup"]["Resource"], made["LabelGroup"]["Resource"]) == ([GROUP_ARN], [GROUP_ARN])
    assert ("LaunchInGroup" in made) is ("LaunchInstances" in expected)
    assert ("LaunchFromTemplate" in made) is (wanted.get("strategy") != "reload")
    assert "TerminateTaggedServers" not in made


@pytest.mark.parametrize(
    ("fleets", "wanted", "marks", "moves"),
    [
        (GROUP, {}, False, []),
        (GROUP, {"strategy": "reload"}, True, []),
        (GROUP, {"strategy": "double-half", "keep_old": True}, True, []),
        (Fleets(groups=("web",), target_groups=(WEB, API), extra_target_groups=(API,)), {}, True, [API]),
        (Fleets(names=("api+web",), target_groups=(WEB, API)), {}, True, [API, WEB]),
    ],
    ids=["group", "group-reload", "group-keep-old", "group-with-a-port-by-hand", "standalone"],
)
def test_only_what_a_group_does_not_do_by_itself_is_tagged_and_moved(
    fleets: Fleets, wanted: dict[str, Any], marks: bool, moves: list[str]
) -> None:
    made = statements(policy(HERE, fleets, Rollouts(**wanted)))

    assert ("TagServers" in made) is marks
    assert made.get("MoveTraffic", {"Resource": []})["Resource"] == moves
    if fleets.groups and marks:
        ours = {"StringEquals": {"aws:ResourceTag/aws:autoscaling:groupName": ["web"]}}
        assert made["TagServers"]["Condition"] == {**OWN, **ours}


KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"


def test_each_option_brings_its_own_statement_and_no_more() -> None:
    options: dict[str, dict[str, Any]] = {
        "SetDeregistrationDelay": {"changes_deregistration_delay": True},
        "SetHealthChecks": {"changes_health_checks": True},
        "PassInstanceRole": {"roles": ("arn:aws:iam::111122223333:role/server",)},
        "ReadCalendars": {"calendars": ("production",)},
        "FindImage": {"image_parameters": ("/web/image",)},
        "InvokeHooks": {"functions": ("check",)},
        "AssumeRoles": {"roles_to_assume": ("arn:aws:iam::444455556666:role/roller",)},
        "AnswerTasks": {"answers_tasks": True},
        "PublishNotices": {"notify": ("sns:arn:aws:sns:eu-west-1:111122223333:notices", "https://example.com/x")},
        "PutNotices": {"notify": ("eventbridge:main",)},
        "KeepRecords": {"store": "dynamodb://records"},
        "SignRecords": {"sign_key": KEY},
        "SignRecordsByAlias": {"sign_key": "alias/awsroll"},
        "LaunchWithFurther": {"tags_spot_requests": True},
    }
    for fleets in KINDS.values():
        plain = statements(policy(HERE, fleets, Rollouts())).keys()
        for sid, option in options.items():
            added = statements(policy(HERE, fleets, Rollouts(**option))).keys() - plain
            sets = sid in ("SetDeregistrationDelay", "SetHealthChecks")
            labels = fleets.groups and sets  # a group holds the target groups that it changes
            assert added == ({sid, "LabelTargetGroups"} if labels else {sid})
        alarms = statements(policy(HERE, fleets, Rollouts(alarms=True)))
        assert alarms.keys() == plain
        assert "cloudwatch:DescribeAlarms" in alarms["Read"]["Action"]
        judged = statements(policy(HERE, fleets, Rollouts(reads_metrics=True)))
        assert judged.keys() == plain
        assert "cloudwatch:GetMetricData" in judged["Read"]["Action"]


VIA_EC2 = {"StringEquals": {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}}


@pytest.mark.parametrize(
    ("fleets", "wanted", "uses"),
    [
        (BY_HAND, {}, True),
        (BY_HAND, {"strategy": "reload"}, False),
        (GROUP, {}, False),
        (GROUP, {"surges": True}, True),
        (GROUP, {"stages": True}, False),
    ],
    ids=["standalone", "reload", "group", "group-launch-first", "group-stages"],
)
def test_keys_of_volumes_are_used_where_the_caller_launches(fleets: Fleets, wanted: dict[str, Any], uses: bool) -> None:
    made = statements(policy(HERE, fleets, Rollouts(keys=(KEY, "2", "alias/web"), **wanted)))

    assert {"UseVolumeKeys", "UseVolumeKeysByAlias", "GrantVolumeKeys", "GrantVolumeKeysByAlias"} <= set(
        made
    ) or not uses
    assert uses or not [sid for sid in made if "Keys" in sid]
    if uses:
        arns = [KEY, KEY.replace("key/1", "key/2")]
        assert (made["UseVolumeKeys"]["Resource"], made["UseVolumeKeys"]["Condition"]) == (arns, VIA_EC2)
        aws_only = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        assert made["GrantVolumeKeys"]["Condition"] == {**VIA_EC2, **aws_only}
        named = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/web"]}}
        assert made["UseVolumeKeysByAlias"]["Condition"] == {**VIA_EC2, **named}
        assert made["UseVolumeKeysByAlias"]["Resource"] == ["arn:aws:kms:eu-west-1:111122223333:key/*"]


@pytest.mark.parametrize(
    ("store", "uses", "service"),
    [
        ("s3://records/x", ["kms:Decrypt", "kms:GenerateDataKey"], "s3"),
        ("dynamodb://records", ["kms:Decrypt"], "dynamodb"),
        ("/var/lib/awsroll", [], ""),
        ("", [], ""),
    ],
)
def test_the_key_of_the_store_is_used_through_its_service(store: str, uses: list[str], service: str) -> None:
    made = statements(policy(HERE, BY_HAND, Rollouts(store=store, store_key=KEY)))

    assert ("UseStoreKey" in made) is bool(uses)
    if uses:
        through = {"StringEquals": {"kms:ViaService": f"{service}.eu-west-1.amazonaws.com"}}
        found = made["UseStoreKey"]
        assert (found["Action"], found["Resource"], found["Condition"]) == (uses, [KEY], through)


def test_what_a_template_names_beside_ec2s_own_resources_is_launched_without_a_condition() -> None:
    group = "arn:aws:resource-groups:eu-west-1:111122223333:group/reserved"
    license_ = "arn:aws:license-manager:eu-west-1:111122223333:license-configuration:lic-1"
    wanted = Rollouts(capacity_groups=(group,), licenses=(license_,), tags_spot_requests=True)
    made = statements(policy(HERE, GROUP, wanted))["LaunchWithFurther"]

    assert made["Resource"] == sorted([group, license_, *ec2("spot-instances-request/*")])
    assert "Condition" not in made


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("", {}),
        ("/var/lib/awsroll", {}),
        ("dynamodb://records", {"KeepRecords": "arn:aws:dynamodb:eu-west-1:111122223333:table/records"}),
        (
            "s3://deploys/team/awsroll/",
            {"KeepRecords": "arn:aws:s3:::deploys/team/awsroll/*", "ListRecords": "arn:aws:s3:::deploys"},
        ),
        ("s3://deploys", {"KeepRecords": "arn:aws:s3:::deploys/*", "ListRecords": "arn:aws:s3:::deploys"}),
    ],
    ids=["nothing", "directory", "table", "prefix", "bucket"],
)
def test_the_store_is_that_table_or_that_folder_of_a_bucket(store: str, expected: dict[str, str]) -> None:
    made = statements(policy(HERE, BY_HAND, Rollouts(store=store)))
    assert {sid: made[sid]["Resource"] for sid in made if sid.endswith("Records")} == {
        sid: [arn] for sid, arn in expected.items()
    }


@pytest.mark.parametrize(
    ("named", "arn"),
    [
        ("check", "arn:aws:lambda:eu-west-1:111122223333:function:check"),
        ("check:live", "arn:aws:lambda:eu-west-1:111122223333:function:check:live"),
        ("444455556666:function:check", "arn:aws:lambda:eu-west-1:444455556666:function:check"),
        *[(f"arn:aws:lambda:us-east-1:444455556666:function:check{end}",) * 2 for end in ("", ":7")],
    ],
)
def test_a_function_is_named_as_lambda_names_it(named: str, arn: str) -> None:
    assert statements(policy(HERE, GROUP, Rollouts(functions=(named,))))["InvokeHooks"]["Resource"] == [arn]


def test_documents_and_parameters_of_aws_belong_to_no_account() -> None:
    arn = "arn:aws:ssm:eu-west-1:444455556666:document/Shared"
    wanted = Rollouts(strategy="reload", documents=("Web-Reload", "AWS-RunAnsiblePlaybook", arn))
    made = statements(policy(HERE, BY_HAND, wanted))
    own = "arn:aws:ssm:eu-west-1:111122223333:document/Web-Reload"
    images = Rollouts(image_parameters=("/aws/service/ami", "/web/image", "image"))

    assert made["SendDocument"]["Resource"] == [
        own,
        arn,
        "arn:aws:ssm:eu-west-1::document/AWS-RunAnsiblePlaybook",
    ]
    assert made["ReadDocument"]["Resource"] == [own, arn]
    assert statements(policy(HERE, BY_HAND, images))["FindImage"]["Resource"] == [
        "arn:aws:ssm:eu-west-1:111122223333:parameter/image",
        "arn:aws:ssm:eu-west-1:111122223333:parameter/web/image",
        "arn:aws:ssm:eu-west-1::parameter/aws/service/ami",
    ]


@pytest.mark.parametrize(
    ("fleets", "points", "limited"),
    [
        (GROUP, ("before_deregister",), True),
        (BY_HAND, ("after_healthy", "after_drain"), True),
        (BY_HAND, ("after_healthy", "before_deregister"), False),
    ],
    ids=["group", "standalone", "standalone-before-the-mark"],
)
def test_scripts_run_on_servers_of_the_fleet_unless_they_run_before_the_tag(
    fleets: Fleets, points: tuple[str, ...], limited: bool
) -> None:
    made = statements(policy(HERE, fleets, Rollouts(script_points=points)))

    assert ("Condition" in made["SendToServers"]) is limited
    assert made["ReadCommands"]["Action"] == [
        "ssm:DescribeInstanceInformation",
        "ssm:GetCommandInvocation",
        "ssm:ListCommands",
    ]


def test_without_the_name_of_the_fleet_any_tagged_server_may_be_terminated() -> None:
    made = statements(policy(HERE, Fleets(target_groups=(WEB,)), Rollouts()))

    assert made["TerminateTaggedServers"]["Condition"] == {"Null": {"aws:ResourceTag/awsroll:fleet": "false"}}
    assert made["TagServers"]["Condition"] == OWN
    assert "TagReloadedServers" not in statements(policy(HERE, Fleets(target_groups=(WEB,)), Rollouts()))


@pytest.mark.parametrize(("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_every_arn_is_of_the_partition(partition: str, region: str) -> None:
    place = Place(partition=partition, region=region, account="111122223333")
    target_group = WEB.replace("arn:aws:", f"arn:{partition}:").replace("eu-west-1", region)
    role = f"arn:{partition}:iam::111122223333:role/server"
    for groups, strategy, store in product(
        ((), ("web",)), ("replace", "double-half", "reload"), ("s3://a-bucket/x", "dynamodb://records")
    ):
        fleets = Fleets(groups=groups, target_groups=(target_group,))
        wanted = Rollouts(
            strategy=strategy,
            store=store,
            functions=("check",),
            script_points=("after_healthy",),
            roles=(role,),
            image_parameters=("/web/image",),
        )
        made = policy(place, fleets, wanted)
        arns = {arn for one in made["Statement"] for arn in one["Resource"] if arn != "*"}
        assert {arn.split(":")[1] for arn in arns} == {partition}
        assert {arn.split(":")[3] for arn in arns} <= {region, ""}


@pytest.mark.parametrize(
    ("partition", "services"),
    [("aws", ["ec2.amazonaws.com"]), ("aws-cn", ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"])],
)
def test_a_role_is_passed_to_ec2_alone(partition: str, services: list[str]) -> None:
    role = f"arn:{partition}:iam::111122223333:role/server"
    place = Place(partition=partition, region="eu-west-1", account="111122223333")
    made = statements(policy(place, GROUP, Rollouts(roles=(role,))))["PassInstanceRole"]

    assert (made["Resource"], made["Condition"]) == ([role], {"StringEquals": {"iam:PassedToService": services}})


@pytest.mark.parametrize(
    ("key", "sid", "resource"),
    [
        (KEY, "SignRecords", KEY),
        ("1", "SignRecords", KEY),
        ("alias/awsroll", "SignRecordsByAlias", "arn:aws:kms:eu-west-1:111122223333:key/*"),
    ],
)
def test_the_key_that_signs_makes_and_checks_codes_and_nothing_else(key: str, sid: str, resource: str) -> None:
    made = statements(policy(HERE, BY_HAND, Rollouts(store="s3://records", sign_key=key)))[sid]

    assert (made["Action"], made["Resource"]) == (["kms:GenerateMac", "kms:VerifyMac"], [resource])
    assert made["Condition"]["StringEquals"] == {"kms:MacAlgorithm": "HMAC_SHA_256"}


def on_store(kind: FunctionKind, store: str) -> dict[str, tuple[list[str], list[str]]]:
    made = statements(function_policy(kind, HERE, GROUP, Rollouts(store=store)))
    named = ("KeepRecords", "ReadRequests", "ReadRecords", "KeepRequests", "KeepNotes", "TestStore", "ListRecords")
    return {
        sid: (
            [action.partition(":")[2] for action in made[sid]["Action"]],
            made[sid].get("Condition", {}).get("ForAllValues:StringEquals", {}).get("dynamodb:LeadingKeys")
            or [arn.partition("records")[2] for arn in made[sid]["Resource"]],
        )
        for sid in named
        if sid in made
    }


def test_a_driver_writes_records_and_notes_and_a_user_writes_requests() -> None:
    of_drivers = ["decisions", "fleets", "history", "notes", "open", "rollouts", "timelines"]
    for kind in (FunctionKind.CHECK, FunctionKind.DRIVE):
        assert on_store(kind, "dynamodb://records") == {
            "KeepRecords": (["DeleteItem", "GetItem", "PutItem", "Query"], of_drivers),
            "ReadRequests": (["GetItem"], ["requests"]),
        }
    assert on_store(FunctionKind.ASK, "dynamodb://records") == {
        "ReadRecords": (["GetItem"], ["notes", "rollouts"]),
        "KeepRequests": (["GetItem", "PutItem"], ["requests"]),
    }
    assert on_store(FunctionKind.WATCH, "dynamodb://records") == {
        "ReadRecords": (["GetItem"], ["rollouts"]),
        "KeepRequests": (["GetItem", "PutItem"], ["notes", "requests"]),
    }
    assert on_store(FunctionKind.PIN, "dynamodb://records") == {}
    assert on_store(FunctionKind.KEEP, "dynamodb://records") == {
        "ReadRecords": (["GetItem", "Query"], ["open", "rollouts"]),
        "KeepNotes": (["GetItem", "PutItem"], ["notes"]),
    }


def test_the_parts_of_a_store_in_a_bucket_are_separated_by_prefix() -> None:
    assert on_store(FunctionKind.ASK, "s3://records/x/") == {
        "ReadRecords": (["GetObject"], ["/x/notes/*", "/x/rollouts/*"]),
        "KeepRequests": (["GetObject", "PutObject"], ["/x/requests/*"]),
        "TestStore": (["DeleteObject", "GetObject", "PutObject"], ["/x/probes/*"]),
        "ListRecords": (["ListBucket"], [""]),
    }
    assert on_store(FunctionKind.DRIVE, "/var/lib/awsroll") == {}
