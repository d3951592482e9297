"""Template code ({{ }}, {% %}, {# #}) within the source of a part: found, blanked, or kept safe behind marks."""

import re

_RAW = r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}"
_STRING = r'"(?:\\.|[^"\\])*+"|' + r"'(?:\\.|[^'\\])*+'"
_EXPRESSION = r"\{\{(?:" + _STRING + r"""|(?!\}\})[^"'])*+\}\}"""
_STATEMENT = r"\{%(?:" + _STRING + r"""|(?!%\})[^"'])*+%\}"""
_COMMENT = r"\{#.*?#\}"

CODE = re.compile("|".join((_RAW, _EXPRESSION, _STATEMENT, _COMMENT)), re.DOTALL)
"""One piece of template code; a raw block is one piece. Braces within a string end nothing."""


def blanked(source: str) -> str:
    """The source with an `x` for every expression and nothing for statements and comments; lines keep their number."""
    return CODE.sub(_blank, source)


def _blank(code: re.Match[str]) -> str:
    return ("x" if code[0].startswith("{{") else "") + "\n" * code[0].count("\n")
