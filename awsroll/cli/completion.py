"""`awsroll completion`: the script that completes commands and options in a shell."""

import click

from awsroll.cli.completion_script import SHELLS, script_of
from awsroll.cli.flags import takes
from awsroll.cli.output import Output


@takes()
@click.argument("shell", type=click.Choice(SHELLS), metavar="|".join(SHELLS), help="The shell.")
def completion(shell: str) -> int:
    """Print the script that completes commands and options in a shell.

    bash: add `eval "$(awsroll completion bash)"` to ~/.bashrc. zsh: the same with zsh, in ~/.zshrc. fish: save the
    script as ~/.config/fish/completions/awsroll.fish.
    """
    Output().result(script_of(click.get_current_context().find_root().command, shell))
    return 0
