"""JSON Lines: one instance a line, an object or the text of an ARN."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from batch_onboard.manifest.problems import Place
from batch_onboard.manifest.rows import Row
from batch_onboard.manifest.scalars import Numeral, numeral
from batch_onboard.manifest.wording import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.manifest.problems import Complaints


def read_jsonl(text: str, file: str, complaints: Complaints) -> Iterator[tuple[object, Place]]:
    """Yield each line's value and place, complaining of lines that are no JSON."""
    decoder = _Decoder(file)
    for number, line in enumerate(io.StringIO(text), 1):
        if line.isspace():
            continue
        place = Place(file, number, 1)
        try:
            value = decoder.decode(line, number)
        except json.JSONDecodeError as error:
            message = f"this is not JSON: {error.msg}; write one object or ARN in quotes a line"
            complaints.error(place._replace(column=error.colno), message)
        except _DuplicateKeyError as error:
            complaints.error(place, f"{named(str(error))} is given twice; keep one of them")
        except RecursionError:
            complaints.error(place, "nested too deep; an instance needs two levels")
        except UnicodeEncodeError:
            complaints.error(
                place, "half a character (a lone surrogate) is escaped; write it whole"
            )
        else:
            yield value, place


class _DuplicateKeyError(Exception):
    """An object has a key twice, which JSON's own reading would pass over."""


class _Decoder:
    """Decodes lines, and tells each object which line it is from."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._line = 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._row,
            parse_int=numeral,
            parse_float=Numeral,
            parse_constant=Numeral,
        )

    def decode(self, line: str, number: int) -> object:
        """Return a line's value.

        Raises:
            UnicodeEncodeError: a text holds half of a surrogate pair, which no file could.
        """
        self._line = number
        value = self._decoder.decode(line)
        if "\\ud" in line.lower():
            plain = json.loads(line, parse_int=str, parse_float=str)
            json.dumps(plain, ensure_ascii=False).encode()
        return value

    def _row(self, pairs: list[tuple[str, object]]) -> Row:
        row = Row(self._file, self._line)
        for key, value in pairs:
            if key in row:
                raise _DuplicateKeyError(key)
            row[key] = value
        return row
