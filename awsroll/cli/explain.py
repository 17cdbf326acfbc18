"""`awsroll explain`: why a rollout or a server fails or waits, and what to try. It only reads."""

from typing import TYPE_CHECKING

import click

from awsroll.cli.aligned_text import wrapped
from awsroll.cli.arguments import newest_rollout_argument
from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.listing import newest_rollout
from awsroll.cli.output import Output, result_width
from awsroll.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsroll.core.explain.explanation import Explanation


@takes(READING_GROUP)
@newest_rollout_argument
@click.argument("instance", metavar="[INSTANCE]", required=False, help="Id of a server (default: those that matter).")
def explain(common: CommonOptions, rollout: str | None, instance: str | None) -> int:
    """Explain why a rollout or a server fails or waits, with the fix to try."""
    from awsroll.driver.context import Context  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.read_facts import explain_rollout  # noqa: PLC0415 - see above

    store = common.store()
    context = Context(session=common.session(), store=store, endpoint_url=common.endpoint_url)
    rollout = rollout or newest_rollout(store)
    output = Output(json=common.json, quiet=common.quiet)
    print_explanations(output, rollout, explain_rollout(rollout, context, instance or ""))
    return 0


def print_explanations(output: Output, rollout_id: str, found: "Iterable[Explanation]", *, aside: bool = False) -> None:
    """Print explanations.

    Args:
        output: where to print.
        rollout_id: the rollout.
        found: the explanations.
        aside: they are not the result of the command: text goes to standard error.
    """
    for each in found:
        if output.json:
            causes = [{"cause": cause, "fix": fix} for cause, fix in each.causes]
            fields = {"subject": each.subject, "waits": each.waits, "causes": causes, "evidence": list(each.evidence)}
            output.emit("explanation", rollout_id=rollout_id, **fields)
        elif not aside:
            output.result("\n".join(wrapped(printable(each.paragraph), result_width())))
        if aside:
            output.note(each.paragraph)
