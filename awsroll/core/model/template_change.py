"""One difference between the launch template versions of a rollout."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChange:
    """One difference between two versions of a launch template, for people.

    Attributes:
        what: the setting, such as `image` or `tag Name`.
        before: its value in the old version; empty if the old version does not set it.
        after: its value in the new version; empty if the new version does not set it.
    """

    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.before or '(none)'} -> {self.after or '(none)'}"
