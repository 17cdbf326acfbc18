"""Explanations: the most likely cause first, the fix to try, and what AWS says."""

import pytest

from awsroll.core.explain.causes import KNOWN_CAUSES
from awsroll.core.explain.explanation import explain, explain_cause
from awsroll.core.explain.server_facts import ServerFacts


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (ServerFacts(targets=("web:80 unhealthy (Target.Timeout: Request timed out)",)), "gets no answer in time"),
        (ServerFacts(targets=("web:80 unhealthy (Target.ResponseCodeMismatch: [500])",)), "another status"),
        (ServerFacts(state_reason="Client.InstanceInitiatedShutdown: x", state="stopped"), "shut itself down"),
        (ServerFacts(lifecycle="Pending:Wait", state="running"), "waits for a lifecycle hook at the launch"),
        (ServerFacts(activities=("We currently do not have sufficient t3.micro capacity",)), "no capacity"),
        (ServerFacts(activities=("You have requested more vCPU capacity than your current vCPU limit",)), "quota"),
        (ServerFacts(console=("boot", "Kernel panic - not syncing: VFS")), "operating system does not start"),
        (ServerFacts(console=("Out of memory: Killed process 812",)), "too little memory"),
        (ServerFacts(checks=("instance status: impaired",)), "status check"),
        (ServerFacts(alarms=("web-5xx is in ALARM: threshold",)), "alarm of the request"),
        (ServerFacts(cause="it waits for a verdict of the judge: errors has too few requests"), "too few requests"),
        (ServerFacts(cause="reload command not finished within 600 s"), "reload command"),
        (ServerFacts(cause="not healthy within 60 s: marked unhealthy by group web"), "marked the server unhealthy"),
        (ServerFacts(activities=("You are not authorized to perform: iam:PassRole",)), "permission is missing"),
        (
            ServerFacts(throttled=("ec2:RunInstances",), cause="Request limit: RequestLimitExceeded"),
            "throttles",
        ),
    ],
)
def test_the_cause_that_the_facts_show_comes_first(facts: ServerFacts, cause: str) -> None:
    assert cause in explain(facts).causes[0][0]


def test_what_is_more_specific_comes_before_the_reason_code_that_follows_from_it() -> None:
    facts = ServerFacts(
        instance_id="i-1",
        phase="verifying",
        targets=("web:80 unhealthy (Target.Timeout: Request timed out)",),
        console=("cloud-init: Failed to run module scripts-user",),
    )

    found = explain(facts)

    assert "user data script failed" in found.causes[0][0]
    assert found.paragraph.startswith("i-1 (verifying): most likely the user data script failed. Read ")
    assert "Also possible: the health check gets no answer in time." in found.paragraph
    assert "AWS says: target web:80 unhealthy" in found.paragraph


def test_an_unknown_cause_is_shown_as_it_is() -> None:
    assert explain_cause("i-1", "a new problem").paragraph == "i-1: no known cause. a new problem."
    assert explain(ServerFacts()).paragraph == "the rollout: nothing shows a failure."


def test_a_rollout_that_waits_for_a_person_has_no_unknown_cause() -> None:
    waits = "it waits for approval at checkpoint 1 of 2"

    assert explain(ServerFacts(phase="paused", waits=waits)).paragraph == f"the rollout (paused): {waits}."
    late = explain(ServerFacts(waits=waits, cause="web:80 unhealthy (Target.Timeout)")).paragraph
    assert late.startswith(f"the rollout: {waits}. Most likely the health check gets no answer in time.")


def test_what_was_not_read_is_said() -> None:
    assert explain(ServerFacts(unread=("AWS: no credentials",))).evidence == ("not read: AWS: no credentials",)


def test_each_known_cause_has_a_fix_in_words() -> None:
    for known in KNOWN_CAUSES:
        assert known.cause[0].islower() or known.cause.startswith(("EC2", "AWS")), known.cause
        assert known.fix[0].isupper(), known.fix
        assert not known.fix.endswith("."), known.fix
