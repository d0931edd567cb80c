# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find words that the project has agreed not to use, in messages, docstrings, comments and documentation.

words.py: print each finding, and fail if there is one.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

#: Regular expressions, and the words to use in their place.
WORDS = {
    r"anew": "again",
    r"thereof|therein|whereof|hereby|henceforth|lest": "(say it in two sentences)",
    r"(?:is|are|was|were) none of": "is not",
    r"(?:is|are|was|were|be) told(?! apart)|tells? of|told of": "reports, is reported",
    r"(?:takes?|taken|took) up": "resumes",
    r"holds? (?:still|good|true)|(?:does|do|did) not hold|chain (?:that )?holds": "is valid",
    r"still serves?|serves? still": "is still valid, is still usable",
    r"looks? (?:whether|if|by itself)|looked whether": "checks, verifies",
    r"nonsense": "malformed",
    r"lets? go|letting go": "releases",
    r"as it is(?! (?:in|on|at|by|to)\b)": "unchanged",
    r"by the look of it": "probably",
    r"for good": "permanently",
    r"(?:to be|is|are|may be|can be) had": "is available",
    r"(?:comes?|came|bring|brings|brought) about": "happens, makes",
    r"in vain": "without success",
    r"of the future": "is in the future",
}
_WORDS = {re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE): instead for pattern, instead in WORDS.items()}
#: A sentence that begins with a free relative clause. Questions may, and headings ("How it works").
_STARTS = re.compile(
    r"\b(?:What|Whether|Whoever|Which|(?<!## )How(?! to\b)|Those|Of what|Where that|That which)\b(?![^.?]*\?)"
)
#: A docstring may also not begin with these.
_DOCSTRING_STARTS = re.compile(
    r"(?:What|Whether|Whoever|Which|Those|That|Of what|Who|How|Where|Why|All that|The same)\b"
)
#: The name of a test begins with the unit instead.
_TEST_NAME_STARTS = re.compile(r"test_(?:what|whether|those|that|who|how|which|where|why)_")
#: Code, and tables that make docs writes from files that are read here anyway. A block without a language is prose.
_CODE = re.compile(
    r"^ *```(?!text\b)\w.*?^ *```|`[^`\n]*`|made by make docs.*?end of what make docs made", re.DOTALL | re.MULTILINE
)

#: Files that quote the words, to find them and to test that.
QUOTES = {CHECKOUT / "tests/lint/words.py", CHECKOUT / "tests/unit/lint/test_words.py"}

Finding = tuple[Path, int, str]


def in_text(text: str, has_sentences: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the line and a message for each finding in *text*. *has_sentences*: also for the start of sentences."""
    for pattern, instead in _WORDS.items():
        for match in pattern.finditer(text):
            yield _line(text, match), f"'{match[0]}': say {instead}"
    if has_sentences:
        yield from _in_starts(text)


def _in_starts(text: str, position: int = 0) -> Iterator[tuple[int, str]]:
    for match in _STARTS.finditer(text, position):
        yield _line(text, match), f"'{match[0]} …' begins a sentence: begin with the thing or with a verb"


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def in_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Yield the findings in a page, without its code and the tables that are made."""
    yield from in_text(_CODE.sub(lambda match: "\n" * match[0].count("\n"), text), has_sentences=True)


def in_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield the findings in docstrings, comments, texts and names."""
    tree = ast.parse(text)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            value = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            value = node.value
        else:
            continue
        is_documentation = "description:" in value
        for line, finding in in_text(value, is_documentation):
            yield node.lineno + line - 1, finding
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = ast.get_docstring(node) or ""
            start = _DOCSTRING_STARTS.match(docstring)
            if start:
                line = node.body[0].lineno
                yield line, f"'{start[0]} …' begins a docstring: begin with a verb, or with a noun for a class"
            for line, finding in _in_starts(docstring, 0 if start is None else start.end()):
                yield node.body[0].lineno + line - 1, finding
            if not isinstance(node, ast.Module) and _TEST_NAME_STARTS.match(node.name):
                yield node.lineno, f"'{node.name}': name the unit, the case and the expected result"
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.NAME):
            is_comment = token.type == tokenize.COMMENT
            text = token.string if is_comment else token.string.replace("_", " ")
            yield from ((token.start[0], finding) for _line_of, finding in in_text(text, is_comment))


def in_yaml(text: str) -> Iterator[tuple[int, str]]:
    """Yield the findings in a file with documentation, comments or names of tasks."""
    yield from in_text(text, has_sentences=True)


def files() -> Iterator[Path]:
    """Yield all files with words for people."""
    yield from sorted(CHECKOUT.glob("*.md"))
    yield CHECKOUT / "galaxy.yml"
    for folder in ("docs", "playbooks", "plugins", "roles", "tests"):
        yield from sorted(
            path for path in (CHECKOUT / folder).rglob("*") if path.suffix in READERS and path not in QUOTES
        )
    # Those of releases are history.
    yield from sorted(path for path in (CHECKOUT / "changelogs/fragments").glob("*.yml") if not path.stem[0].isdigit())


READERS = {".md": in_markdown, ".py": in_python, ".yml": in_yaml}


def findings() -> Iterator[Finding]:
    """Yield all findings of the checkout."""
    for path in files():
        if path.name != "CHANGELOG.md":  # made from fragments, also of releases
            for line, finding in sorted(READERS[path.suffix](path.read_text(encoding="utf-8"))):
                yield path.relative_to(CHECKOUT), line, finding


def main() -> int:
    """Print the findings. Return the exit status."""
    found = list(findings())
    for path, line, text in found:
        print(f"{path}:{line}: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
