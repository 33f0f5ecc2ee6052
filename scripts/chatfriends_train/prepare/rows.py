"""Rows of tables and JSON files, each a mapping with its number; what the fields mean is not known here."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from ..problems import BadRow, Problem, readable
from .text import clean, read_text

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Numbered:
    """A row, and where it stands in its file."""

    number: int
    """Line (JSON, CSV) or row (XLSX, Parquet; a header is row 1), from 1."""
    row: Row
    part: str = ""
    """The title of its sheet, where a file has several, and which element it is, where a line of JSON has several."""
    header: int = 0
    """The row that names the columns; none in JSON and Parquet."""


# An answer can be long; the csv module refuses more than 131,072 characters a field.
csv.field_size_limit(16_777_216)
LONGEST_ROW = 1000
"""Lines of a CSV file that one row may take; a quotation mark that is open for longer was never closed."""
# Python reads no integer of more than 4,300 digits, whose value would take it too long.
BEYOND = "a number is too long, or lists stand too deep in one another, to be read; put a long number between quotation marks"


def read_rows(path: Path) -> Iterator[Numbered | BadRow]:
    """The rows of a file, in order."""
    reader = _READERS.get(path.suffix.lower())
    if readable(path, "the file").is_dir():
        raise Problem(f"{path} is a folder; name a file in it")
    if reader is None:
        raise Problem(
            f"{path} has the ending {path.suffix or '(none)'}; rows are read from {', '.join(ENDINGS)}"
        )
    return reader(path)


def part_of(file: str | Path, part: str) -> str:
    """What a part of a file is called in messages and groups."""
    return f"{file}[{part}]" if part else str(file)


def _json(path: Path) -> Iterator[Numbered | BadRow]:
    """The elements of an array, or the one object; arrays or objects one after the other are read, too."""
    before = 0
    for number, ((line, value), (after, _)) in enumerate(pairwise(chain(_elements(path), [(0, None)])), 1):  # fmt: skip
        # Where a whole array stands on one line, the line tells no element from another.
        part = f"element {number}" if line in (before, after) else ""
        yield _object(path, line, value, part)
        before = line


def _elements(path: Path) -> Iterator[tuple[int, Any]]:
    """Each value with the line on which it begins."""
    text = read_text(path)
    decoder = json.JSONDecoder()
    position = _skip(text, 0)
    line, counted = 1, 0
    is_array = False
    while position < len(text):
        line, counted = line + text.count("\n", counted, position), position
        if not is_array and text[position] == "[":
            is_array, position = True, _skip(text, position + 1)
            continue
        if is_array and text[position] == "]":
            is_array, position = False, _skip(text, position + 1)
            continue
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise Problem(
                f"{path}:{error.lineno}: not JSON: {error.msg}; mend the file there"
            ) from error
        except (ValueError, RecursionError) as error:
            raise Problem(f"{path}:{line}: {BEYOND}") from error
        yield line, value
        position = _skip(text, position)
        if is_array and text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif is_array and text[position : position + 1] != "]":
            break
    if is_array:
        raise Problem(
            f"{path}:{text.count(chr(10), 0, position) + 1}: the array breaks off; mend the file there"
        )


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _jsonl(path: Path) -> Iterator[Numbered | BadRow]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            yield BadRow(
                str(path), number, f"not JSON: {error.msg} at character {error.colno}"
            )
            continue
        except (ValueError, RecursionError):
            yield BadRow(str(path), number, BEYOND)
            continue
        yield _object(path, number, value)


def _object(path: Path, number: int, value: Any, part: str = "") -> Numbered | BadRow:
    if isinstance(value, dict):
        return Numbered(number, value, part)
    return BadRow(
        part_of(path, part),
        number,
        f"{kind_of(value)} where an object {{…}} is expected",
    )


def kind_of(value: Any) -> str:
    """What a value of JSON is called."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}  # fmt: skip
    return names.get(type(value), "nothing")


def _csv(path: Path) -> Iterator[Numbered | BadRow]:
    lines = [f"{line}\n" for line in read_text(path).split("\n")]
    first = 0
    # Excel reads and writes the separator on a line of its own.
    given = re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE)
    if given:
        first = 1
    head = next((line for line in lines[first:] if line.strip()), "")
    delimiter = given[1] if given else max(",\t;", key=head.count)
    columns: list[str] | None = None
    header = 0
    while first < len(lines):
        number = first + 1
        reader = csv.reader(lines[first : first + LONGEST_ROW], delimiter=delimiter, strict=True)  # fmt: skip
        try:
            cells = next(reader)
        except csv.Error as error:
            fault = f"not CSV: {error}; a quotation mark may be left open, or one inside of words is not doubled"
            if columns is None:
                raise Problem(f"{path}:{number}: {fault}") from error
            # One bad row is left out; the next may be a good one.
            first += 1
            yield BadRow(str(path), number, fault)
            continue
        first += reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns, header = _columns(path, number, cells), number
        elif len(cells) != len(columns):
            yield BadRow(
                str(path),
                number,
                f"{len(cells)} fields where the header has {len(columns)}; put words that hold {delimiter!r} between quotation marks",
            )
        else:
            yield Numbered(number, dict(zip(columns, cells, strict=True)), header=header)  # fmt: skip


def _xlsx(path: Path) -> Iterator[Numbered | BadRow]:
    import openpyxl

    try:
        # Once for the results of formulas, once to see which cells are formulas: a result that was never computed is no value.
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(path, read_only=True)
    except (
        Exception
    ) as error:  # openpyxl lets out whatever its ZIP and XML readers raise
        raise Problem(
            f"{path} is no XLSX file ({error}); save it from your spreadsheet again"
        ) from error
    for sheet in book.worksheets:
        columns: list[str] | None = None
        header = 0
        title = sheet.title if len(book.worksheets) > 1 else ""
        both = zip(_cells(path, sheet), _cells(path, formulas[sheet.title]), strict=True)  # fmt: skip
        for number, (cells, inner) in enumerate(both, 1):
            if not any(cell is not None and str(cell).strip() for cell in inner):
                continue
            if columns is None:
                columns, header = _columns(path, number, cells), number
            elif any(cell is None and isinstance(formula, str) and formula.startswith("=") for cell, formula in zip(cells, inner, strict=True)):  # fmt: skip
                yield BadRow(part_of(path, title), number, "a formula without its result; open the file in a spreadsheet program and save it there")  # fmt: skip
            else:
                yield Numbered(number, dict(zip(columns, cells, strict=False)), title, header)  # fmt: skip
    book.close()
    formulas.close()


def _cells(path: Path, sheet: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a sheet, which is read only now, not when its file is opened."""
    try:
        yield from sheet.iter_rows(values_only=True)
    except Exception as error:  # as above
        raise Problem(
            f"{path}[{sheet.title}] is no whole sheet ({error}); save the file from your spreadsheet again"
        ) from error


def _parquet(path: Path) -> Iterator[Numbered | BadRow]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        columns = _columns(path, 1, file.schema_arrow.names)
        number = 1
        for batch in file.iter_batches(1024):
            values = [_values(path, name, column) for name, column in zip(columns, batch.columns, strict=True)]  # fmt: skip
            for row in zip(*values, strict=True):
                number += 1
                yield Numbered(number, dict(zip(columns, row, strict=True)))
    except (pyarrow.ArrowException, OSError) as error:
        raise Problem(
            f"{path} is no whole Parquet file ({error}); write it again"
        ) from error


def _values(path: Path, column: str, array: Any) -> list[Any]:
    """The values of a column as Python has them; not all that Arrow can say are any, such as times to a nanosecond."""
    try:
        return array.to_pylist()
    except (ValueError, OverflowError) as error:
        raise Problem(
            f"{path}: the column {column!r} cannot be read ({error}); write it as text, or leave it out"
        ) from error


def _columns(path: Path, number: int, cells: Iterable[Any]) -> list[str]:
    columns = [clean(str(cell)) if cell is not None else "" for cell in cells]
    named = [column for column in columns if column]
    twice = sorted({column for column in named if named.count(column) > 1})
    if twice:
        raise Problem(
            f"{path}:{number}: two columns are named {twice[0]!r}; rename or remove one"
        )
    return columns


_READERS = {
    ".json": _json,
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".tsv": _csv,
    ".xlsx": _xlsx,
    ".parquet": _parquet,
}
ENDINGS = tuple(_READERS)
"""What files with rows are called."""
