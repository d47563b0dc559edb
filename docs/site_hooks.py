"""For mkdocs: what pages link to outside docs/ comes into the site under files/, and decisions get their list."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]+)")


def _in_site(page: str, target: str) -> str:
    """Where in the site a page's relative link leads; `page` is a path in the site itself."""
    source = page.removeprefix("files/") if page.startswith("files/") else f"docs/{page}"
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"files/{path}/README.md" if (ROOT / path).is_dir() else f"files/{path}"


def on_files(files: Any, config: Any) -> Any:
    pages = [file for file in files if file.src_uri.endswith(".md")]
    for page in pages:
        for _, target in _LINK.findall(Path(page.abs_src_path).read_text("utf-8")):
            path = _in_site(page.src_uri, target)
            if path.startswith("files/") and files.get_file_from_path(path) is None:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path.removeprefix("files/"))))
    lines = ["# Decisions", "", "Why things are as they are, a page each.", ""]
    for uri in sorted(page.src_uri for page in pages if page.src_uri.startswith("decisions/0")):
        title = (ROOT / "docs" / uri).read_text("utf-8").partition("\n")[0].lstrip("# ")
        lines.append(f"* [{title}]({posixpath.basename(uri)})")
    files.append(File.generated(config, "decisions/index.md", content="\n".join(lines) + "\n"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    here = page.file.src_uri

    def inside(found: re.Match[str]) -> str:
        return found[1] + posixpath.relpath(_in_site(here, found[2]), posixpath.dirname(here) or ".")

    return _LINK.sub(inside, markdown)
