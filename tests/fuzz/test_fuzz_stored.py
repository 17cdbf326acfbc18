"""Whatever a plan file or a store holds, the answer is the value, or an error of awsroll that names the place.

The mutated contents are sealed again, so that their checksum is right: a newer awsroll, or a person with a program, may
have written them.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import awsroll.aws.sessions
from awsroll.cli.main import run
from awsroll.cli.render_plan import plan_text
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import SpecError, StateError
from awsroll.files.plan_file import load_plan, save_plan
from awsroll.report.forecast import PlannedInstance, RolloutPlan
from awsroll.stores import RecordStore, RolloutRequest, Waiting
from awsroll.stores.opening import open_store
from awsroll.testing.clock import VirtualClock
from tests.fuzz.mutations import broken_text, fuzzed, mutated, seeds
from tests.fuzz.refusing_aws import RefusingSession
from tests.fuzz.test_fuzz_requests import check_refusal
from tests.stores.records import busy_record, record

CLEAN = {0, 2, 3, 4, 5}
AT = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = RolloutPlan(
    fleet="web",
    strategy="replace",
    from_version="lt-1:1",
    to_version="lt-1:2",
    desired=2,
    order=(PlannedInstance(instance_id="i-1", zone="a", version="lt-1:1"),),
    nothing_to_do=False,
    skipped=0,
    lowest_serving=1,
    max_live=2,
    max_running=3,
    at_a_time=1,
    estimated_seconds=600,
    asked=RolloutSpec(asg="web"),
    request=RolloutSpec(asg="web", launch_template="lt-1:2"),
)


def sealed_again(data: bytes, name: str, edits: int, seed: int) -> bytes:
    """Return the envelope with a mutated content and the checksum of that content."""
    envelope = json.loads(data)
    envelope[name] = mutated(envelope[name], edits, seed)
    text = json.dumps(envelope, default=str, skipkeys=True)
    try:
        body = msgspec.json.encode(msgspec.json.decode(text)[name], order="sorted")
    except (ValueError, RecursionError):
        return text.encode("utf-8", "surrogatepass")
    envelope["checksum"] = f"sha256:{sha256(body).hexdigest()}"
    return json.dumps(envelope, default=str, skipkeys=True).encode()


@given(edits=st.integers(0, 3), cuts=st.integers(0, 1), seed=seeds())
@fuzzed
def test_a_plan_file_is_a_plan_or_a_refusal(
    edits: int, cuts: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.plan"
    save_plan(PLAN, path)
    data = sealed_again(path.read_bytes(), "plan", edits, seed)
    path.write_bytes(broken_text(data.decode("utf-8", "surrogatepass"), cuts, seed))

    try:
        plan = load_plan(path)
    except SpecError as error:
        check_refusal(error)
    else:
        assert plan_text(plan)


def test_a_plan_file_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "web.plan"
    save_plan(PLAN, path)
    path.write_text(path.read_text().replace('"plan": {', '"plan": {},\n "plan": {'))

    with pytest.raises(SpecError, match="gives the key 'plan' again"):
        load_plan(path)


class Stored:
    """A directory store with one rollout, whose files a test can spoil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_store(str(folder))
        self.record = busy_record()
        self.store.save(self.record)
        rollout_id = self.record.rollout.rollout_id
        self.store.put_note(rollout_id, RolloutRequest(request=RolloutSpec(asg="web"), region="eu-west-1"))
        self.store.put_note(rollout_id, Waiting(task_token="token"))
        self.store.change_user_requests(rollout_id, lambda _: UserRequests(pause=True))
        with self.store.drive(record("web-2").rollout, clock=VirtualClock()):
            self.files = {path: path.read_bytes() for path in sorted(folder.rglob("*.json"))}

    def spoil(self, pick: int, *, edits: int, cuts: int, seed: int) -> None:
        """Spoil one file; all others are as they were."""
        for path, data in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        path = list(self.files)[pick % len(self.files)]
        text = sealed_again(self.files[path], "record", edits, seed).decode("utf-8", "surrogatepass")
        path.write_bytes(broken_text(text, cuts, seed))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return Stored(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def refusing() -> Iterator[RefusingSession]:
    session = RefusingSession()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(awsroll.aws.sessions, "open_session", lambda **_: session)
        yield session


def _reads(store: RecordStore, rollout_id: str) -> list[Callable[[], Any]]:
    return [
        lambda: store.load(rollout_id),
        store.list,
        store.unfinished,
        store.unreadable,
        lambda: store.user_requests(rollout_id),
        lambda: store.note(rollout_id, RolloutRequest),
        lambda: store.note(rollout_id, Waiting),
        lambda: store.driver("web-2", at=AT),
        lambda: store.check_free(record("web-3").rollout, clock=VirtualClock()),
        lambda: store.change_user_requests(rollout_id, lambda _: UserRequests(pause=False)),
    ]


@given(pick=st.integers(0, 20), edits=st.integers(1, 3), cuts=st.integers(0, 1), seed=seeds())
@fuzzed
def test_a_spoiled_store_answers_or_names_the_place(
    pick: int, edits: int, cuts: int, seed: int, stored: Stored
) -> None:
    stored.spoil(pick, edits=edits, cuts=cuts, seed=seed)
    store = open_store(str(stored.folder))

    for answer in _reads(store, "web-1"):
        with suppress(StateError):
            answer()


COMMANDS = (
    ("list",),
    ("list", "--json"),
    ("status", "web-1"),
    ("status", "web-1", "--json"),
    ("pause", "web-1"),
    ("approve", "web-1"),
    ("abort", "web-1"),
    ("resume", "web-1", "--lease", "9s"),
    ("rollback", "web-1", "--json"),
    ("repair", "web-1"),
    ("plan", "--asg", "web"),
)


@given(
    command=st.sampled_from(COMMANDS),
    pick=st.integers(0, 20),
    edits=st.integers(1, 2),
    cuts=st.integers(0, 1),
    seed=seeds(),
)
@fuzzed
def test_a_command_on_a_spoiled_store_ends_cleanly(
    command: tuple[str, ...],
    pick: int,
    edits: int,
    cuts: int,
    seed: int,
    stored: Stored,
    refusing: RefusingSession,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored.spoil(pick, edits=edits, cuts=cuts, seed=seed)

    code = run([*command, "--state", str(stored.folder)])

    err = capsys.readouterr().err
    assert code in CLEAN, (code, err)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-01-01T00:00:00", "has no time zone"),
        ("0001-01-01T00:00:00+14:00", "out of bounds"),
        ("9999-12-31T23:59:59Z", "out of bounds"),
        ("2026-01-01T00:00:00Z", ""),
    ],
)
def test_a_record_of_another_age_is_refused_by_its_place(at: str, says: str, stored: Stored) -> None:
    path = next(path for path in stored.files if path.name == "record.json")
    data = json.loads(stored.files[path])
    data["record"]["status"]["started_at"] = at
    path.write_bytes(sealed_again(json.dumps(data).encode(), "record", 0, 0))
    store = open_store(str(stored.folder))

    if not says:
        assert store.load("web-1").status.started_at == AT
        return
    with pytest.raises(StateError, match=says) as caught:
        store.load("web-1")
    assert str(path) in str(caught.value)
    assert [error for error in store.unreadable() if says in str(error)]


def test_a_number_out_of_bounds_is_refused(stored: Stored) -> None:
    path = next(path for path in stored.files if "fleets" in path.parts)
    data = json.loads(stored.files[path])
    data["record"]["holder"]["process"]["number"] = 10**15
    path.write_bytes(sealed_again(json.dumps(data).encode(), "record", 0, 0))

    with pytest.raises(StateError, match=r"the number 1000000000000000 is out of bounds"):
        open_store(str(stored.folder)).check_free(record("web-2").rollout, clock=VirtualClock())


def test_text_that_looks_like_a_time_without_a_zone_is_text(stored: Stored) -> None:
    path = next(path for path in stored.files if path.name == "request.json")
    data = json.loads(stored.files[path])
    data["record"]["request"]["app_version"] = "2026-01-01T00:00:00"
    path.write_bytes(sealed_again(json.dumps(data).encode(), "record", 0, 0))

    note = open_store(str(stored.folder)).note("web-1", RolloutRequest)

    assert note is not None
    assert note.request.app_version == "2026-01-01T00:00:00"
