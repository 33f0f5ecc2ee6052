"""Rows of tables and JSON files, each a mapping with its number; what the fields mean is not known here."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
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
    sheet: str = ""
    """The title of its sheet, where a file has several."""


# An answer can be long; the csv module refuses more than 131,072 characters a field.
csv.field_size_limit(16_777_216)


def read_rows(path: Path) -> Iterator[Numbered | BadRow]:
    """The rows of a file, in order."""
    readers = {
        ".json": _json,
        ".jsonl": _jsonl,
        ".csv": _csv,
        ".tsv": _csv,
        ".xlsx": _xlsx,
        ".parquet": _parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Problem(
            f"{path} has the ending {path.suffix or '(none)'}; what is read: .txt, .docx, {', '.join(readers)}"
        )
    return reader(readable(path, "the file"))


def _json(path: Path) -> Iterator[Numbered | BadRow]:
    """The elements of an array, or the one object; a file named .json with an object a line is read, too."""
    text = read_text(path)
    decoder = json.JSONDecoder()
    start = _skip(text, 0)
    is_array = text[start] == "["
    position = _skip(text, start + 1) if is_array else start
    line, counted = 1, 0
    while position < len(text) and not (is_array and text[position] == "]"):
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise Problem(
                f"{path}:{error.lineno}: not JSON: {error.msg}; mend the file there"
            ) from error
        yield _object(path, line, value)
        position = _skip(text, position)
        if is_array and text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif is_array and text[position : position + 1] != "]":
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
        yield _object(path, number, value)


def _object(path: Path, number: int, value: Any) -> Numbered | BadRow:
    if isinstance(value, dict):
        return Numbered(number, value)
    return BadRow(
        str(path), number, f"a {type(value).__name__} where an object {{…}} is expected"
    )


def _csv(path: Path) -> Iterator[Numbered | BadRow]:
    text = read_text(path)
    header = text.split("\n", 1)[0]
    delimiter = max(",\t;", key=header.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    first = 1
    try:
        for cells in reader:
            number, first = first, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(path, cells)
            elif len(cells) != len(columns):
                yield BadRow(
                    str(path),
                    number,
                    f"{len(cells)} fields where the header has {len(columns)}; put words that hold {delimiter!r} between quotation marks",
                )
            else:
                yield Numbered(number, dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise Problem(
            f"{path}:{first}: not CSV: {error}; a quotation mark may be left open"
        ) from error


def _xlsx(path: Path) -> Iterator[Numbered | BadRow]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (
        Exception
    ) as error:  # openpyxl lets out whatever its ZIP and XML readers raise
        raise Problem(
            f"{path} is no XLSX file ({error}); save it from your spreadsheet again"
        ) from error
    for sheet in book.worksheets:
        columns: list[str] | None = None
        title = sheet.title if len(book.worksheets) > 1 else ""
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            if not any(cell is not None and str(cell).strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(path, cells)
            else:
                yield Numbered(number, dict(zip(columns, cells, strict=False)), title)
    book.close()


def _parquet(path: Path) -> Iterator[Numbered | BadRow]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        number = 1
        for batch in file.iter_batches(1024):
            for row in batch.to_pylist():
                number += 1
                yield Numbered(number, row)
    except (pyarrow.ArrowException, OSError) as error:
        raise Problem(
            f"{path} is no whole Parquet file ({error}); write it again"
        ) from error


def _columns(path: Path, cells: list[Any] | tuple[Any, ...]) -> list[str]:
    columns = [clean(str(cell)) if cell is not None else "" for cell in cells]
    named = [column for column in columns if column]
    twice = sorted({column for column in named if named.count(column) > 1})
    if twice:
        raise Problem(
            f"{path}:1: two columns are named {twice[0]!r}; rename or remove one"
        )
    return columns
