"""Explains a failure or a wait from facts: the most likely cause first, and the fix to try. Pure."""

from dataclasses import dataclass

from awsroll.core.explain.causes import KNOWN_CAUSES, KnownCause
from awsroll.core.explain.server_facts import ServerFacts

_MOST_CAUSES = 3
_CONSOLE_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a server or a rollout fails or waits.

    Attributes:
        causes: the causes and their fixes, the most likely one first; empty if no cause is known.
        evidence: what AWS says, one fact in each line.
        waits: what it waits for, such as `it waits for approval at …`; empty if for nothing that a person decides.
    """

    subject: str
    causes: tuple[tuple[str, str], ...]
    evidence: tuple[str, ...]
    waits: str = ""

    @property
    def paragraph(self) -> str:
        """The explanation as one paragraph."""
        waits = f"{self.waits}. " if self.waits else ""
        if not self.causes:
            if not self.evidence:
                return f"{self.subject}: {waits or 'nothing shows a failure.'}".rstrip()
            return f"{self.subject}: {waits or 'no known cause. '}{'. '.join(self.evidence)}."
        (cause, fix), *others = self.causes
        likely = f"{waits}Most likely" if waits else "most likely"
        words = f"{self.subject}: {likely} {cause}. {fix}."
        if others:
            words += f" Also possible: {'; '.join(cause for cause, _ in others)}."
        return f"{words} AWS says: {'. '.join(self.evidence)}." if self.evidence else words


def explain(facts: ServerFacts) -> Explanation:
    """Return the explanation of one server, or of the rollout if the facts name no server."""
    found = [(known.cause, known.fix) for known in KNOWN_CAUSES if _shows(known, facts)]
    subject = facts.instance_id or "the rollout"
    if facts.phase:
        subject = f"{subject} ({facts.phase})"
    evidence = tuple(_evidence(facts))
    return Explanation(subject=subject, causes=tuple(found[:_MOST_CAUSES]), evidence=evidence, waits=facts.waits)


def explain_cause(instance_id: str, cause: str) -> Explanation:
    """Return the explanation of a recorded failure, from its cause alone."""
    return explain(ServerFacts(instance_id=instance_id, cause=cause))


def _shows(known: KnownCause, facts: ServerFacts) -> bool:
    return known.shown_by.search(facts.text) is not None


def _evidence(facts: ServerFacts) -> list[str]:
    said = [facts.cause] if facts.cause else []
    said += [f"target {target}" for target in facts.targets]
    if facts.lifecycle and facts.lifecycle != "InService":
        said.append(f"lifecycle state {facts.lifecycle}")
    if facts.state and facts.state != "running":
        said.append(f"instance {facts.state}" + (f" ({facts.state_reason})" if facts.state_reason else ""))
    if facts.marked_unhealthy:
        said.append("its group has marked it unhealthy")
    said += [f"status check {check}" for check in facts.checks]
    said += [f"scaling activity: {activity}" for activity in facts.activities]
    if facts.command_output:
        said.append(f"command: {facts.command_output}")
    if facts.console:
        said.append(f"console ends with: {' / '.join(facts.console[-_CONSOLE_LINES:])}")
    said += [f"alarm {alarm}" for alarm in facts.alarms]
    said += [f"throttled: {what}" for what in facts.throttled]
    said += [f"not read: {what}" for what in facts.unread]
    return [text.rstrip(". ") for text in said]
