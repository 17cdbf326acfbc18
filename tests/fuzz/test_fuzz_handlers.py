"""Whatever an event holds, a handler answers, or raises one of the errors whose names a state machine knows."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import approval_page
import codepipeline
import container
from awsroll.core.approval_link import ApprovalLink
from awsroll.core.request.spec import RolloutSpec
from awsroll.stores import RolloutRequest
from awsroll.stores.signing import FileSigner
from awsroll.testing.clock import VirtualClock
from named import HandlerError, InvalidEvent
from tests.fuzz.mutations import as_json, broken_text, fuzzed, mutated, mutations, seeds
from tests.fuzz.refusing_aws import RefusingSession
from tests.fuzz.valid_inputs import EVENTS, REQUESTS
from tests.stores.records import busy_record

LONGEST_MESSAGE = 1000
ANSWERED = {200, 403, 404, 405, 409}


@pytest.fixture(scope="module", autouse=True)
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RefusingSession]:
    """Give the handlers a store with one rollout, and an AWS that refuses every call."""
    session, folder = RefusingSession(), tmp_path_factory.mktemp("driver-store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(container.STATE, str(folder))
        patch.setattr(container, "session", lambda _request=None: session)
        patch.setattr(container, "clock", VirtualClock())
        store = container.store()
        store.save(busy_record())
        store.put_note("web-1", RolloutRequest(request=RolloutSpec(asg="web")))
        yield session


@pytest.fixture(scope="module")
def link(refusing: RefusingSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a link to a checkpoint of the stored rollout, signed with the key of the handlers."""
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_bytes(b"k" * 32)
    file.chmod(0o600)
    now = VirtualClock().now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(container.APPROVAL_KEY, str(file))
        yield ApprovalLink.asked("web-1", checkpoint=1, since=now, at=now).signed(FileSigner(file).sign)


DRIVERS = {"prepare", "reconcile", "control", "plan_waves", "judge_wave", "watch_waves", "keep"}
CASES = [(name, event) for name, events in EVENTS.items() for event in events]
DRIVER = [case for case in CASES if case[0] in DRIVERS]
STAGES = [case for case in CASES if case not in DRIVER]


@pytest.mark.parametrize("cases", [DRIVER[:4], DRIVER[4:], STAGES], ids=["start-and-step", "control", "stages"])
@given(data=st.data())
@fuzzed
def test_a_handler_answers_or_names_the_error(
    cases: list[tuple[str, Any]], data: st.DataObject, capsys: pytest.CaptureFixture[str]
) -> None:
    name, valid = data.draw(st.sampled_from(cases))
    handler = importlib.import_module(name).handler
    event = data.draw(mutations([valid]))

    try:
        answer = handler(event, None)
    except HandlerError as error:
        message = str(error)
    else:
        message = "answered"
        json.dumps(answer, allow_nan=False)
    assert 0 < len(message) <= LONGEST_MESSAGE
    assert all(json.loads(line) for line in capsys.readouterr().out.splitlines())


PARAMETERS = [{"request": request, "region": "eu-west-1"} for request in REQUESTS]
JOB = {
    "CodePipeline.job": {
        "id": "11111111-abcd-1111-abcd-111111abcdef",
        "data": {"actionConfiguration": {"configuration": {"UserParameters": "{}"}}, "continuationToken": ""},
    }
}


@given(values=mutations(PARAMETERS), cuts=st.integers(0, 1), edits=st.sampled_from((0, 0, 0, 1, 2)), seed=seeds())
@fuzzed
def test_every_job_of_codepipeline_gets_an_answer(
    values: Any, cuts: int, edits: int, seed: int, refusing: RefusingSession
) -> None:
    event = json.loads(json.dumps(JOB))
    text = broken_text(as_json(values), cuts, seed).decode("utf-8", "replace")
    event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]["UserParameters"] = text
    refusing.answers.clear()

    try:
        codepipeline.handler(mutated(event, edits, seed), None)
    except InvalidEvent:
        assert refusing.answers == [], "there is no job, so there is nothing to answer"
    else:
        assert len(refusing.answers) == 1


@given(edits=st.sampled_from((0, 1, 1, 2)), seed=seeds(), method=st.sampled_from(("GET", "POST")))
@fuzzed
def test_the_page_of_links_answers_every_request(edits: int, seed: int, method: str, link: str) -> None:
    context = {"http": {"method": method, "sourceIp": "203.0.113.7"}}
    event = {"rawPath": f"/{link}", "requestContext": context, "body": "answer=approve", "isBase64Encoded": False}

    try:
        answer = approval_page.handler(mutated(event, edits, seed), None)
    except InvalidEvent as error:
        answer = {"statusCode": 200, "body": f"{error}</html>\n"}
    assert answer["statusCode"] in ANSWERED
    assert answer["body"].endswith("</html>\n")


def test_a_key_that_is_given_twice_is_refused_by_name(refusing: RefusingSession) -> None:
    text = '{"request": {"asg": "web",\n "asg": "api"}}'
    with pytest.raises(InvalidEvent, match="line 2 gives the key 'asg' again; line 1 has it already"):
        codepipeline._parameters(text)


def test_the_fuzzed_handlers_are_all_handlers() -> None:
    folder = Path(container.__file__).parent
    handlers = {path.stem for path in folder.glob("*.py") if "\ndef handler(" in path.read_text()}

    assert handlers - {"approval_page", "codepipeline", "durable"} == set(EVENTS)
