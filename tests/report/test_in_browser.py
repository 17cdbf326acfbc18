"""The report's page in a headless browser: it renders, writes nothing on the console and asks for nothing.

These tests need Chromium or Chrome. Without one they are skipped, unless `AWSROLL_TEST_BROWSER=required` is set.
`.ci/run` installs one where it can, and then sets this variable.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from awsroll.report.report_files import ReportFormat, written_as
from tests.report.test_report_files import story

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "google-chrome-stable")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--window-size=1200,900",
]


@dataclass(frozen=True, slots=True)
class Opened:
    """A page as the browser has shown it."""

    dom: str
    console: list[str]
    requests: set[str]
    picture: bytes


@dataclass(frozen=True, slots=True)
class Browser:
    program: str
    folder: Path

    def open(self, page: str, *options: str) -> Opened:
        file, log, picture = (self.folder / name for name in ("page.html", "net.json", "picture.png"))
        file.write_text(page, encoding="utf-8")
        options_given = (*OPTIONS, f"--user-data-dir={self.folder / 'profile'}", *options, f"--log-net-log={log}")
        command = [self.program, *options_given, f"--screenshot={picture}", "--dump-dom", file.as_uri()]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        events = json.loads(log.read_text(encoding="utf-8"))["events"]
        urls = {str(event["params"]["url"]) for event in events if "url" in event.get("params", {})}
        return Opened(
            dom=shown.stdout,
            console=[line for line in shown.stderr.splitlines() if "CONSOLE" in line],
            requests={url for url in urls if url.startswith(("http:", "https:", "ws:", "wss:"))},
            picture=picture.read_bytes(),
        )


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None and os.environ.get("AWSROLL_TEST_BROWSER") != "required":
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    assert program is not None, "AWSROLL_TEST_BROWSER=required, and there is no Chromium or Chrome"
    return Browser(program, tmp_path)


@pytest.mark.parametrize("servers", [9, 1000])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_renders_and_needs_nothing(browser: Browser, servers: int, scheme: str) -> None:
    preferred = "--blink-settings=preferredColorScheme=" + {"dark": "0", "light": "1"}[scheme]

    shown = browser.open(written_as(story(servers), ReportFormat.HTML), preferred)

    assert (shown.console, shown.requests) == ([], set())
    assert f"i-new{servers - 1}" in shown.dom
    blank = browser.open("<!doctype html><title>blank</title>", preferred)
    assert len(shown.picture) > 3 * len(blank.picture)


def test_a_page_that_complains_and_asks_is_noticed(browser: Browser) -> None:
    shown = browser.open('<!doctype html><script>console.error("no")</script><img src="http://127.0.0.1:9/x.png">')

    assert len(shown.console) == 1
    assert shown.requests == {"http://127.0.0.1:9/x.png"}
