"""A hook at `while_judging` that is an HTTP endpoint: one that answers for all servers, or one on each server.

An endpoint for all servers gets the event as JSON by POST, and answers as every hook that counts. With `{address}` in
the URL, each server is asked by GET, with `since` and `until` in the query, and answers with its own counts alone. A
server that does not answer is not compared in this interval.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from awsroll.core.model.hook_calls import HookRun
from awsroll.hooks.local_commands import HookFailedError, as_json

ADDRESS = "{address}"
_MOST_BYTES = 1_000_000
_AT_ONCE = 16


class Endpoint:
    """One question.

    Args:
        run: the URL and the event.
        addresses: the private addresses of the servers to ask, by instance id.
    """

    def __init__(self, run: HookRun, addresses: Mapping[str, str]) -> None:
        self._run = run
        self._addresses = addresses

    def __call__(self) -> object:
        """Return the answer for all servers.

        Raises:
            HookFailedError: if no endpoint answers in time.
        """
        url = self._run.hook.url
        if ADDRESS not in url:
            return self._asked(url, as_json(self._run.event))
        names = list(self._addresses)
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            answers = list(pool.map(self._of_server, names))
        found = {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}
        if not found:
            problem = f"none of {len(self._run.event.instance_ids)} servers answered at {url}"
            raise HookFailedError(problem)
        return found

    def end(self) -> None:
        """Do nothing: each question ends at its timeout."""

    def _of_server(self, name: str) -> object:
        query = urlencode({"since": self._run.event.since, "until": self._run.event.until})
        url = self._run.hook.url.replace(ADDRESS, self._addresses[name])
        try:
            return json.loads(self._asked(f"{url}{'&' if '?' in url else '?'}{query}"))
        except (HookFailedError, ValueError):
            return None

    def _asked(self, url: str, body: bytes | None = None) -> bytes:
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the form of the URL is checked
        try:
            with _OPENER.open(request, timeout=self._run.hook.timeout_seconds) as answer:
                text: bytes = answer.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            problem = f"it answered {error.code}"
        except (OSError, ValueError) as error:
            problem = f"it did not answer ({type(error).__name__})"
        else:
            if len(text) <= _MOST_BYTES:
                return text
            problem = f"its answer is longer than {_MOST_BYTES:,} bytes"
        raise HookFailedError(problem)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the question is for the host that the request names."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirect."""


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
