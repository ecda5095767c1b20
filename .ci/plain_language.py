"""Checks the language of docstrings and prose: `python .ci/plain_language.py`; exit code 1 and a line for each fault.

The first sentence of a public docstring must begin with its subject or its verb, not in the middle of a sentence. A
number in prose has a digit before its decimal point.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FRAGMENTS = {
    "of", "that", "who", "whom", "whose", "which", "what", "how", "where", "when", "while", "as", "if",
    "after", "before", "by", "from", "in", "into", "on", "out", "than", "then", "there", "those", "such",
    "with", "without", "for", "to", "both", "same",
}  # fmt: skip
"""Words with which a fragment or a subordinate clause begins."""
STARTS = {"for each", "for every", "in place", "both have", "there is", "there are", "as in"}
"""Starts of whole sentences all the same."""
NUMBER = re.compile(r"(?<![\w.\])}/`*])\.\d+\b(?!\.\d)")


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the text of each public docstring of a file: of the module, of classes, functions and methods."""
    tree = ast.parse(path.read_text())
    nodes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef))]
    for node in nodes:
        text = ast.get_docstring(node)
        if text and not getattr(node, "name", "public").startswith("_"):
            yield getattr(node, "lineno", 1), text


def fault_of(text: str) -> str | None:
    """The fault of a docstring's first sentence; None if it has none."""
    sentence = re.split(r"(?<=[.!?:])\s", " ".join(text.split()))[0]
    words = re.findall(r"[\w'-]+", sentence.lower())
    if not words:
        return "it has no words"
    if words[0] in FRAGMENTS and " ".join(words[:2]) not in STARTS and not sentence.endswith("?"):
        return f"it begins with '{words[0]}', inside a sentence"
    return None


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file outside of blocks of code, without what is quoted as code."""
    in_code = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            yield number, re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+", "", line)


def main() -> int:
    """Print each fault; return the exit code."""
    faults = []
    for path in sorted((ROOT / "se_nas").rglob("*.py")):
        where = path.relative_to(ROOT)
        for line, text in docstrings(path):
            if fault := fault_of(text):
                faults.append(f"{where}:{line}: the first sentence of the docstring: {fault}")
            if found := NUMBER.search(text):
                faults.append(f"{where}:{line}: {found[0]}: expected 0{found[0]}")
    for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]:
        for line, text in prose(path):
            if found := NUMBER.search(text):
                faults.append(f"{path.relative_to(ROOT)}:{line}: {found[0]}: expected 0{found[0]}")
    for fault in faults:
        print(fault)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
