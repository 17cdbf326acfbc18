"""The arguments that several commands have."""

import os
from contextlib import suppress

import click

from awsroll.cli.grouped_option import variable_of
from awsroll.errors import AwsrollError

_ADDRESS = "://"  # of a store outside this machine


def rollout_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click
    """Return the rollouts whose id begins with a word, newest first; none of a store outside this machine."""
    state = context.params.get("state") or os.environ.get(variable_of("state"))
    if state and _ADDRESS in state:
        return []
    from awsroll.driver import summaries  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.stores.opening import open_store  # noqa: PLC0415 - see above

    with suppress(AwsrollError, OSError):
        known = summaries.list_rollouts(open_store(state))
        return [each.rollout_id for each in known if each.rollout_id.startswith(incomplete)]
    return []


rollout_argument = click.argument("rollout", metavar="ROLLOUT", help="Id of the rollout.", shell_complete=rollout_ids)
newest_rollout_argument = click.argument(
    "rollout",
    metavar="[ROLLOUT]",
    required=False,
    help="Id of the rollout (default: the newest rollout).",
    shell_complete=rollout_ids,
)
