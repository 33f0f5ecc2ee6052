"""Persona files as training needs them: who answers, and what stands in every prompt. docs/PERSONAS.md describes the files."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .problems import Problem

CHECKOUT = Path(__file__).resolve().parents[2]
OWN = CHECKOUT / "config" / "personas"
LIBRARY = CHECKOUT / "personas" / "library"


@dataclass(frozen=True, slots=True)
class Persona:
    """What stands in a persona's prompts."""

    id: str
    system: str
    examples: tuple[tuple[str, str], ...] = ()
    """What the person says, and the reply."""
    has_facts: bool = False


def of_document(identity: str, document: dict[str, Any], path: Path) -> Persona:
    """A persona from a file that has been read."""
    system = document.get("system")
    if not isinstance(system, str) or not system.strip():
        raise Problem(
            f'{path}: "system" is empty; docs/PERSONAS.md says what stands there'
        )
    # The daemon trims these texts when it reads them.
    examples = tuple(
        (str(example["person"]).strip(), str(example["reply"]).strip())
        for example in document.get("example", [])
    )
    return Persona(identity, system.strip(), examples, bool(document.get("fact")))


def document(path: Path) -> dict[str, Any]:
    """A persona file as it is written."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(
            f"{path}: {error}; `chatfriends check` names every mistake"
        ) from error


def path_of(identity: str) -> Path | None:
    """The file that the daemon would take: the user's own, or the shipped one."""
    paths = (folder / f"{identity}.toml" for folder in (OWN, LIBRARY))
    return next((path for path in paths if path.is_file()), None)


def find(identity: str) -> Persona:
    """The persona that the daemon would answer as. Raises `Problem` where nobody has that id."""
    path = path_of(identity)
    if path is None:
        raise Problem(
            f"there is no persona {identity!r}: write {OWN.relative_to(CHECKOUT) / f'{identity}.toml'} (docs/PERSONAS.md), since its "
            "`system` text stands in every prompt, or give the dialogues a `system` of their own"
        )
    return of_document(identity, document(path), path)
