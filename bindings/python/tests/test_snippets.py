"""The Python code of the documentation runs as it stands there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "bindings/python/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code(page: Path) -> str:
    """Joins the blocks of a page, each at its own line, so that a traceback points into the page."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        start = text.count("\n", 0, block.start(1))
        for offset, line in enumerate(block.group(1).splitlines()):
            lines[start + offset] = line
    return "\n".join(lines)


@pytest.mark.parametrize("page", [page for page in PAGES if code(page).strip()], ids=lambda page: page.name)
def test_page_runs_as_it_stands(page: Path, tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(compile(code(page), str(page), "exec"), {"__name__": "__main__"})
    finally:
        os.chdir(here)
