"""The page behind the link of a notice: it shows the checkpoint that waits, and approves or rejects it.

It is called by its function URL, which asks for no credentials of AWS: the signature in the link is the permission.
Only a button answers. Scanners of mail and previews of chats open links, so opening the link changes nothing.
"""

from base64 import b64decode
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element  # writes only; nothing is parsed

import structlog

import container
from awsroll.clock import SystemClock
from awsroll.core.approval_link import ApprovalLink, LinkRefusedError
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.driver.approval_links import Question, answer_by_link, question_of
from awsroll.driver.user_commands import Command
from awsroll.errors import AwsrollError, NoApprovalAwaitedError, RolloutNotFoundError
from awsroll.report.markup import add, as_html, element
from awsroll.report.page_style import STYLE
from handling import log
from named import InvalidEvent
from rollout_context import rollout_context

_COMMANDS = {"approve": Command.APPROVE, "reject": Command.REJECT}
_EFFECTS = {
    OnFailure.ROLLBACK: "takes the fleet back to the version before",
    OnFailure.PAUSE: "pauses the rollout",
    OnFailure.STOP: "ends the rollout and leaves the fleet on both versions",
}
_LONGEST_BODY = 1000
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
_BUTTONS = """
form{display:inline-block;margin:18px 12px 0 0}
button{font:inherit;font-weight:600;color:#fff;background:#23804a;border:0;border-radius:8px;padding:10px 24px}
button.bad{background:#b3261e}
"""


def handler(event: Any, context: Any = None) -> dict[str, Any]:
    """Answer one HTTP request.

    Raises:
        InvalidEvent: if the event is no request of a function URL.
    """
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=str(getattr(context, "aws_request_id", "")))
    http = _http_of(event)
    if http["method"] not in ("GET", "HEAD", "POST"):
        return _message(HTTPStatus.METHOD_NOT_ALLOWED, "This page shows a checkpoint and takes an answer.")
    try:
        return _answered(event, http)
    except LinkRefusedError as error:
        return _message(HTTPStatus.FORBIDDEN, str(error))
    except RolloutNotFoundError:
        return _message(HTTPStatus.NOT_FOUND, "The rollout of this link has no record any longer.")
    except AwsrollError as error:
        log.warning("approval.failed", error=type(error).__name__, message=str(error))
        problem = "The answer cannot be stored at the moment, and nothing was changed. Try again, or use the command."
        return _message(HTTPStatus.SERVICE_UNAVAILABLE, problem)


def _http_of(event: Any) -> dict[str, Any]:
    context = event.get("requestContext") if isinstance(event, dict) else None
    http = context.get("http") if isinstance(context, dict) else None
    if not isinstance(http, dict) or not isinstance(http.get("method"), str):
        problem = "this function answers requests of its function URL alone; the event is none, and nothing was changed"
        raise InvalidEvent(problem)
    return http


def _answered(event: Any, http: Any) -> dict[str, Any]:
    signer = container.approval_signer()
    if signer is None:
        problem = "This deployment has no key for links."
        raise LinkRefusedError(problem)
    text = str(event.get("rawPath", "")).removeprefix("/")
    link = ApprovalLink.opened(text, signer.verify, (container.clock or SystemClock()).now())
    structlog.contextvars.bind_contextvars(rollout_id=link.rollout_id)
    own = rollout_context(None, container.store())
    command = _command(event) if http["method"] == "POST" else None
    if command is not None:
        try:
            answer_by_link(link, command, own)
            log.info(
                "approval.answered", answer=command.value, checkpoint=link.checkpoint, address=http.get("sourceIp")
            )
        except NoApprovalAwaitedError as error:  # the page below says what the checkpoint has
            log.info("approval.not_awaited", answer=command.value, checkpoint=link.checkpoint, message=str(error))
    question = question_of(link, own)
    is_late = command is not None and not question.answer.startswith(command.value)
    return _page(HTTPStatus.CONFLICT if is_late else HTTPStatus.OK, _shown(link, question))


def _command(event: Any) -> Command | None:
    """Return the command of the button; None if the request has none."""
    body = str(event.get("body") or "")[:_LONGEST_BODY]
    if event.get("isBase64Encoded"):
        try:
            body = b64decode(body).decode()
        except ValueError:
            return None
    return _COMMANDS.get(parse_qs(body).get("answer", [""])[0])


def _shown(link: ApprovalLink, question: Question) -> Element:
    rollout, awaited = question.record.rollout, question.awaited
    main = element("main")
    add(main, "h1", f"Rollout {rollout.rollout_id} of {rollout.fleet}")
    add(main, "p", f"From {rollout.from_name or 'an unknown version'} to {rollout.to_name}.", class_="soft")
    if awaited is None:
        add(main, "p", f"Checkpoint {link.checkpoint} waits for no answer. {question.reason}", class_="lead")
        return main
    add(main, "p", f"It waits at {awaited.place}.", class_="lead")
    for failure in question.record.status.failures:
        add(main, "p", f"Failure: {failure.cause}", class_="failure")
    add(
        main, "p", f"Waits since {_time(awaited.since)}. This link is valid until {_time(link.expires)}.", class_="soft"
    )
    _button(main, "approve", "Approve", "good")
    _button(main, "reject", "Reject", "bad")
    add(main, "p", f"Approve continues the rollout. Reject {_EFFECTS[rollout.on_failure]}.", class_="soft")
    return main


def _button(main: Element, answer: str, label: str, style: str) -> None:
    form = add(main, "form", method="post")
    add(form, "input", type="hidden", name="answer", value=answer)
    add(form, "button", label, type="submit", class_=style)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _message(status: HTTPStatus, text: str) -> dict[str, Any]:
    main = element("main")
    add(main, "h1", "awsroll")
    add(main, "p", text, class_="lead")
    return _page(status, main)


def _page(status: HTTPStatus, main: Element) -> dict[str, Any]:
    root = element("html", lang="en")
    head = add(root, "head")
    add(head, "meta", charset="utf-8")
    add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    add(head, "title", "awsroll: approve or reject")
    add(head, "style", STYLE + _BUTTONS)
    add(root, "body").append(main)
    return {"statusCode": int(status), "headers": dict(_HEADERS), "body": as_html(root)}
