"""The arguments that several commands have."""

import click

rollout_argument = click.argument("rollout", metavar="ROLLOUT", help="Id of the rollout.")
