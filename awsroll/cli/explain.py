"""`awsroll explain`: why a rollout or a server fails or waits, and what to try. It only reads."""

import click

from awsroll.cli.arguments import rollout_argument
from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output


@takes(COMMON_GROUP)
@rollout_argument
@click.argument("instance", metavar="[INSTANCE]", required=False, help="Id of a server (default: those that matter).")
def explain(common: CommonOptions, rollout: str, instance: str | None) -> int:
    """Explain why a rollout or a server fails or waits, with the fix to try."""
    from awsroll.driver.context import Context  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.read_facts import explain_rollout  # noqa: PLC0415 - see above

    context = Context(session=common.session(), store=common.store(), endpoint_url=common.endpoint_url)
    for found in explain_rollout(rollout, context, instance or ""):
        if common.json:
            causes = [{"cause": cause, "fix": fix} for cause, fix in found.causes]
            fields = {"subject": found.subject, "causes": causes, "evidence": list(found.evidence)}
            Output(json=True).emit("explanation", rollout_id=rollout, **fields)
        else:
            Output().result(found.paragraph)
    return 0
