"""The settings of Sphinx. The source is the whole repository, so that links mean the same here and on GitHub."""

import re
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/awsroll/awsroll/blob/main"
VERSION = re.findall(r'__version__ = "(.*)"', (ROOT / "awsroll" / "version.py").read_text())[0]

project = "awsroll"
copyright = "The awsroll authors"  # noqa: A001 - the name that Sphinx reads
release = VERSION
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
html_theme = "furo"
html_title = f"awsroll {VERSION}"
html_copy_source = False
html_extra_path = ["pages"]  # the first page of the site leads to the index
smartquotes = False  # it would turn the dashes of --asg into one
html_theme_options = {"source_repository": "https://github.com/awsroll/awsroll/", "source_branch": "main"}


lexers["mermaid"] = TextLexer()  # GitHub draws the diagram; here, its text is shown


def _link_files_to_the_repository(app: Any, page: str, source: list[str]) -> None:  # noqa: ARG001 - called by Sphinx
    """Let links to files and folders that are no page lead to the repository."""
    folder = (ROOT / page).parent

    def replaced(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        if match[1].endswith((".md", ".svg")) or not target.exists():
            return match[0]
        return f"]({REPOSITORY}/{target.relative_to(ROOT)})"

    source[0] = re.sub(r"\]\((?!https?:|#)([^)#\s]+)\)", replaced, source[0])


def _list_all_pages(app: Any, page: str, source: list[str]) -> None:  # noqa: ARG001 - called by Sphinx
    """Add the list of all pages to the index, which on GitHub is the index itself."""
    if page == root_doc:
        pages = sorted(path.stem for path in (ROOT / "docs").glob("*.md") if path.stem != "index")
        others = ["/README", "/CHANGELOG", "/CONTRIBUTING", "/SECURITY"]
        source[0] += "\n".join(["\n```{toctree}", ":hidden:", "", *pages, *others, "```\n"])


def setup(app: Any) -> None:
    """Connect the changes of the sources."""
    app.connect("source-read", _link_files_to_the_repository)
    app.connect("source-read", _list_all_pages)
