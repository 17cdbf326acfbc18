"""What a pass reads again right after a call of our own."""

from awsroll.core.model.actions import DeregisterTargets, TagInstances
from awsroll.core.model.reasons import Reason
from tests.support.looking import ROLLOUT, standalone

TAGS = (("awsroll:rollout", ROLLOUT), ("awsroll:role", "retiring"))


def test_a_pass_after_tags_were_set_reads_nothing_again_and_sees_the_tags() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        lab.look()
        lab.succeed(TagInstances(instance_ids=(name,), tags=TAGS, reason=Reason.PREPARING))
        before = lab.aws.calls.total
        seen = lab.one(name)
        assert lab.aws.calls.total == before
        assert (seen.rollout, seen.role) == (ROLLOUT, "retiring")
        assert dict(seen.tags)["Name"]


def test_a_pass_after_a_server_left_its_target_group_reads_only_the_targets() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        lab.look()
        lab.succeed(DeregisterTargets(instance_id=name, targets=(lab.key(80),), reason=Reason.OUTDATED))
        before = lab.aws.calls.total
        assert [str(target.state) for target in lab.one(name).targets] == ["draining"]
        assert lab.aws.calls.total - before == 1


def test_any_other_pass_reads_everything() -> None:
    with standalone() as lab:
        lab.look()
        before = lab.aws.calls.total
        lab.look()
        assert lab.aws.calls.total - before == 2


def test_what_was_read_is_used_for_two_seconds() -> None:
    with standalone() as lab:
        name = lab.built.instance_ids[0]
        lab.look()
        lab.succeed(TagInstances(instance_ids=(name,), tags=TAGS, reason=Reason.PREPARING))
        lab.sandbox.jump(2)
        before = lab.aws.calls.total
        lab.look()
        assert lab.aws.calls.total - before == 2
