"""Which requests the sandbox server answers: those of local programs, and not those of a web page in a browser.

Any page that a user opens can send requests to the loopback address. The `Host` header of such a request names another
host if the page's name resolves to the loopback address (DNS rebinding). `Origin` and `Sec-Fetch-Site` name the page
otherwise (Fetch standard; W3C Fetch Metadata Request Headers). AWS clients send neither of the last two.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

MOTO_API = "/moto-api"
"""moto's own interface. It can write a recording to a file and restart the state, so the sandbox does not serve it."""

_FROM_A_PROGRAM = ("", "none", "same-origin")  # `none`: the user has typed the address


def refusal(environ: Mapping[str, Any]) -> str:
    """Return why a WSGI request is refused; empty if it is answered."""
    host, origin = str(environ.get("HTTP_HOST", "")), environ.get("HTTP_ORIGIN")
    if not _is_loopback(f"//{host}"):
        return f"The sandbox answers requests to the loopback address only, not to the host {host!r}."
    if origin is not None and not _is_loopback(str(origin)):
        return f"The sandbox answers local programs only, not the web page {str(origin)!r}."
    if origin is None and environ.get("HTTP_SEC_FETCH_SITE", "") not in _FROM_A_PROGRAM:
        return "The sandbox answers local programs only, not a web page."
    path = str(environ.get("PATH_INFO", ""))
    if path == MOTO_API or path.startswith(f"{MOTO_API}/"):
        return f"The sandbox does not serve {MOTO_API}; its own interface is under /_awsroll/."
    return ""


def refuse(start_response: Any, why: str) -> Iterable[bytes]:
    """Return the answer to a refused request."""
    start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{why} Nothing was changed.\n".encode()]


def _is_loopback(url: str) -> bool:
    """Return whether a URL names this machine: an address of the loopback network, `localhost`, or a name below it."""
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):  # S3 clients put the bucket in front
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
