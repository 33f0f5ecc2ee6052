"""The documents point at things that are there."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# [text](target), without the #part of a page.
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")


def documents() -> list[Path]:
    """Every Markdown file of the project; what was built, fetched or hidden is not its own."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in ("target", "data", "models", "node_modules")
        ]
        found += [Path(folder) / name for name in files if name.endswith(".md")]
    return found


def anchors(document: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def test_every_link_leads_somewhere():
    broken = []
    for document in documents():
        for target, part in LINK.findall(document.read_text("utf-8")):
            if target.startswith(("http:", "https:", "mailto:")):
                continue
            page = (document.parent / target) if target else document
            if not page.exists() or (
                part and page.suffix == ".md" and part[1:] not in anchors(page)
            ):
                broken.append(f"{document.relative_to(ROOT)}: {target}{part}")
    assert not broken


def test_the_code_map_names_files_that_are_there():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(
        re.findall(
            r"`((?:bot|engine|personas|scripts|tests|config|docs)/[\w./*-]+)`", text
        )
    )
    assert len(named) > 20
    missing = [name for name in named if not list(ROOT.glob(name.rstrip("/")))]
    assert not missing
