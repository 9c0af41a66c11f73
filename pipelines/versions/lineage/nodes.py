"""Draws what was found out about a row as a tree on the terminal, or gives it as plain values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN_CHARACTERS = 70
SHOWN_BRANCHES = 12
ID_DIGITS = 12


@dataclass(frozen=True)
class Node:
    """One thing in the story of a row: what it is, what is known of it, and what hangs on it."""

    what: str
    id: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    branches: Sequence["Node"] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain: dict[str, Any] = {"what": self.what}
        plain |= {"id": self.id} if self.id else {}
        plain |= {name: _plain(value) for name, value in self.facts.items() if value is not None}
        return plain | ({"branches": [node.to_json() for node in self.branches]} if self.branches else {})


@dataclass(frozen=True)
class Story:
    """Where something came from and where it went."""

    subject: Node
    came_from: Sequence[Node]
    went_to: Sequence[Node]
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return self.subject.to_json() | {
            "came_from": [node.to_json() for node in self.came_from],
            "went_to": [node.to_json() for node in self.went_to],
            "notes": list(self.notes),
        }


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | list | bool) else str(value)


def describe_story(story: Story) -> list[str]:
    """The story as lines of a tree."""
    tree = Node(story.subject.what, story.subject.id, story.subject.facts,
                [Node("came from", branches=story.came_from), Node("went to", branches=story.went_to)])  # fmt: skip
    return list(_draw(tree, "", "", whole=True))


def _draw(node: Node, first: str, rest: str, *, whole: bool = False) -> Iterator[str]:
    yield first + _tell(node, whole=whole)
    shown = list(node.branches[:SHOWN_BRANCHES])
    if len(node.branches) > SHOWN_BRANCHES:
        shown.append(Node(f"and {len(node.branches) - SHOWN_BRANCHES} more, --json has all"))
    for place, branch in enumerate(shown):
        last = place == len(shown) - 1
        yield from _draw(branch, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _tell(node: Node, *, whole: bool) -> str:
    """A node in a line; long ids and texts are cut."""
    named = f"{node.what} {node.id if whole else node.id[:ID_DIGITS]}".rstrip()
    facts = [_tell_fact(name, value) for name, value in node.facts.items() if value not in (None, "", [])]
    return f"{named}: {', '.join(facts)}" if facts else named


def _tell_fact(name: str, value: Any) -> str:
    if name == "text":
        return f'"{clean_text(str(value))}"'
    if isinstance(value, bool):
        return name.replace("_", " ") if value else f"not {name.replace('_', ' ')}"
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, float):
        value = f"{value:.4g}"
    text = clean_text(str(value))
    return text if name in ("is", "how") else f"{name.replace('_', ' ')} {text}"


def clean_text(text: str) -> str:
    """A text in a line, cut, without what a terminal would obey."""
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "�" for letter in line[: SHOWN_CHARACTERS + 1])
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"
