"""docs/options.md lists every option and every key, as the command line describes them."""

from dataclasses import fields

from awsroll.core.model.hooks import HookSpec
from awsroll.core.model.period import Period
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, WaveSpec
from tests.docs.options_page import PATH, options_page

PAGE = PATH.read_text()


def test_the_page_is_what_the_command_writes() -> None:
    assert options_page() == PAGE, "run: python -m tests.docs.options_page"


def test_every_field_of_a_request_is_listed() -> None:
    options = {field.name for field in fields(RolloutSpec)} - {"hooks", "windows", "freezes"}
    missing = [name for name in options if f"| `--{name.replace('_', '-')}" not in PAGE]

    assert missing == []


def test_every_key_of_hooks_waves_and_fleets_is_listed() -> None:
    keys = [field.name for kind in (HookSpec, Period, WaveSpec, FleetSpec) for field in fields(kind)]
    missing = [name for name in keys if name != "request" and f"| `{name.replace('_', '-')}` |" not in PAGE]

    assert missing == []
