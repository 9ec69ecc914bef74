"""JSON: a list of objects, one a model."""

import json
import re
from typing import Any, NoReturn

from ghost_pipeline.additions.columns import addition
from ghost_pipeline.errors import InvalidAdditions
from ghost_pipeline.lifecycle.additions import Addition

_SPACE = re.compile(r"[ \t\r\n]*")


class _Pairs(list[tuple[str, Any]]):
    """An object's members as they were written, so that one that is there twice can be named."""


def read_json(text: str) -> list[Addition]:
    """The models of a JSON text. Raises InvalidAdditions for what is no JSON list."""
    return _Rows(text).read()


class _Rows:
    """Reads the list element by element, to know the line on which each one begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=self._refuse_constant)

    def read(self) -> list[Addition]:
        additions: list[Addition] = []
        self._take("[", "a list of models, [{...}, {...}], is expected")
        if self._next() == "]":
            self._at += 1
        else:
            self._read_rest(additions)
        if self._next():
            self._fail("something stands after the end of the list")
        return additions

    def _read_rest(self, additions: list[Addition]) -> None:
        while True:
            additions.append(self._element())
            if self._next() == "]":
                self._at += 1
                return
            self._take(",", "a comma or the end of the list is expected")

    def _element(self) -> Addition:
        self._next()
        line = self._line_here()
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise InvalidAdditions(f"line {error.lineno}: {error.msg}") from error
        except (ValueError, RecursionError) as error:
            raise InvalidAdditions(f"line {line}: can't be read: {error}") from error
        if not isinstance(value, _Pairs):
            return Addition(f"line {line}", problem="is no object: give each model as {...}")
        return addition(line, value)

    def _next(self) -> str:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, character: str, otherwise: str) -> None:
        if self._next() != character:
            self._fail(otherwise)
        self._at += 1

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _fail(self, why: str) -> NoReturn:
        raise InvalidAdditions(f"line {self._line_here()}: {why}")

    @staticmethod
    def _refuse_constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is no JSON")
