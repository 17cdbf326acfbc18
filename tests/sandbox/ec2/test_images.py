"""Images that a template or a request names by an SSM parameter."""

from typing import Any

from tests.sandbox.bench import Bench, open_bench, refused

NAME = "/web/image"


def put(bench: Bench, value: str) -> None:
    bench.sandbox.session().client("ssm").put_parameter(Name=NAME, Value=value, Type="String", Overwrite=True)


def image_of(bench: Bench, **request: Any) -> str:
    instance_id = bench.ec2.run_instances(MinCount=1, MaxCount=1, **request)["Instances"][0]["InstanceId"]
    bench.jump(2)
    return bench.describe(instance_id)["ImageId"]


def template_of(bench: Bench, image: str) -> dict[str, str]:
    data = {"ImageId": image, "InstanceType": "t3.micro"}
    made = bench.ec2.create_launch_template(LaunchTemplateName="by-parameter", LaunchTemplateData=data)
    return {"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}


def test_the_parameter_is_read_at_each_launch() -> None:
    with open_bench() as bench:
        put(bench, "ami-11111111111111111")
        template = template_of(bench, f"resolve:ssm:{NAME}")
        assert image_of(bench, LaunchTemplate=template) == "ami-11111111111111111"
        put(bench, "ami-22222222222222222")
        assert image_of(bench, LaunchTemplate=template) == "ami-22222222222222222"
        assert image_of(bench, ImageId=f"resolve:ssm:{NAME}:1") == "ami-11111111111111111"


def test_the_image_behind_a_template_is_shown_on_request() -> None:
    with open_bench() as bench:
        put(bench, "ami-11111111111111111")
        template = template_of(bench, f"resolve:ssm:{NAME}")["LaunchTemplateId"]
        plain = bench.ec2.describe_launch_template_versions(LaunchTemplateId=template)
        resolved = bench.ec2.describe_launch_template_versions(LaunchTemplateId=template, ResolveAlias=True)
        images = [answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"] for answer in (plain, resolved)]
        assert images == [f"resolve:ssm:{NAME}", "ami-11111111111111111"]


def test_a_parameter_that_does_not_exist_fails_the_launch() -> None:
    with open_bench() as bench, refused("InvalidParameterValue"):
        image_of(bench, LaunchTemplate=template_of(bench, "resolve:ssm:/missing"))


def test_a_parameter_without_an_image_id_fails_the_launch() -> None:
    with open_bench() as bench:
        put(bench, "latest")
        with refused("InvalidAMIID.Malformed"):
            image_of(bench, ImageId=f"resolve:ssm:{NAME}")
