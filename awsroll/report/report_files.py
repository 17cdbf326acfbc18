"""The formats of a report file. The name of the file chooses: `.html`, `.md`, `.json` or `.xml`."""

from enum import StrEnum
from pathlib import PurePath
from typing import assert_never

from awsroll.errors import SpecError
from awsroll.report.html_page import html_page
from awsroll.report.junit_xml import junit_xml
from awsroll.report.markdown_page import markdown_page
from awsroll.report.story import Story


class ReportFormat(StrEnum):
    """The formats, by the ending of the file's name."""

    HTML = ".html"
    MARKDOWN = ".md"
    JSON = ".json"
    JUNIT = ".xml"


def format_of(name: str) -> ReportFormat:
    """Return the format that the name of a file chooses.

    Raises:
        SpecError: if it chooses none.
    """
    ending = PurePath(name).suffix.lower()
    try:
        return ReportFormat(ending)
    except ValueError:
        problem = f"{name}: a report file ends in .html, .md, .json or .xml (JUnit); nothing was written"
        raise SpecError(problem) from None


def written_as(story: Story, form: ReportFormat) -> str:
    """Return the text of a report."""
    match form:
        case ReportFormat.HTML:
            return html_page(story)
        case ReportFormat.MARKDOWN:
            return markdown_page(story)
        case ReportFormat.JSON:
            import msgspec  # noqa: PLC0415 - only JSON output needs the JSON library

            return msgspec.json.format(msgspec.json.encode(story.as_dict()), indent=1).decode() + "\n"
        case ReportFormat.JUNIT:
            return junit_xml(story)
        case _:
            assert_never(form)
