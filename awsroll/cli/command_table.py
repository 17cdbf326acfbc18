"""The commands of `awsroll`, in the order of `awsroll --help`: where each is defined, and its line in the list."""

from awsroll.cli.command_group import LazyCommand

COMMANDS = {
    "roll": LazyCommand("roll", "Roll a fleet to a new version."),
    "keep": LazyCommand(
        "keep", "Bring every fleet of a file to its wanted state: newest image and version, no server too old."
    ),
    "plan": LazyCommand("plan", "Show what a rollout would do, without changing anything."),
    "init": LazyCommand("init", "Write a commented rollout file for an existing fleet."),
    "resume": LazyCommand("resume", "Continue an interrupted or paused rollout."),
    "rollback": LazyCommand("control:rollback", "Return a fleet to the version that it ran before a rollout."),
    "pause": LazyCommand("control:pause", "Pause a rollout at its next safe point."),
    "approve": LazyCommand(
        "control:approve", "Approve the checkpoint that a rollout is waiting at, and print which one."
    ),
    "abort": LazyCommand("control:abort", "Stop a rollout and leave its fleet mixed."),
    "halt": LazyCommand("halt:halt", "Pause every rollout of the store, wherever it runs, and refuse new ones."),
    "unhalt": LazyCommand("halt:unhalt", "Lift the halt of the store, and list the rollouts that it has paused."),
    "budget": LazyCommand(
        "budget",
        "Show or set how many rollouts and servers in flight the store allows at once, in each account and region.",
    ),
    "repair": LazyCommand("repair", "Restore what an unfinished rollout left changed."),
    "status": LazyCommand("listing:status", "Show the state of a rollout."),
    "watch": LazyCommand("watch", "Watch a rollout that another process drives, until it ends or rests."),
    "list": LazyCommand(
        "listing:rollouts",
        "List the known rollouts, newest first: version, outcome, duration, who and why.",
    ),
    "history": LazyCommand(
        "history", "Show who started, approved, paused and ended the rollouts of the store, and from where."
    ),
    "explain": LazyCommand("explain", "Explain why a rollout or a server fails or waits, with the fix to try."),
    "replay": LazyCommand(
        "replay", "Make the recorded decisions of a rollout again, and say whether they are the same."
    ),
    "report": LazyCommand("report", "Write the report of a rollout to a file."),
    "doctor": LazyCommand(
        "doctor", "Run the checks of a rollout and list each with its result, without changing anything."
    ),
    "policy": LazyCommand("policy", "Print the IAM policy that a rollout of this fleet needs."),
    "schema": LazyCommand("schema", "Print the JSON Schema of a rollout file."),
    "demo": LazyCommand("demo", "Roll a fleet in the sandbox under live traffic."),
    "sandbox": LazyCommand("sandbox", "Run an AWS on this machine for any AWS client."),
    "probe": LazyCommand("probe", "Measure what AWS does where its documentation is silent."),
    "completion": LazyCommand("completion", "Print the script that completes commands and options in a shell."),
    "state": LazyCommand("state", "Manage the store of records and locks."),
}
