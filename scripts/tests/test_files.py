"""Files and folders that are written whole: `python -m pytest scripts/tests/test_files.py`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatfriends_train.files import give_name, read_object  # noqa: E402
from chatfriends_train.problems import Problem  # noqa: E402


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content)
    return path


def test_a_folder_that_another_process_has_made_meanwhile_stays(tmp_path: Path) -> None:
    give_name(folder(tmp_path / "a.part", "first"), tmp_path / "a")
    give_name(folder(tmp_path / "b.part", "second"), tmp_path / "a")
    assert (tmp_path / "a" / "file").read_text() == "first"


def test_another_hindrance_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    with pytest.raises(OSError, match="a"):
        give_name(folder(tmp_path / "a.part", "first"), tmp_path / "a")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": ', "is no JSON"),
        (b"", "is no JSON"),
        ("안녕".encode("cp949"), "is no JSON"),
        (b"[1]", "holds no object"),
    ],
)
def test_what_is_no_object_of_json_is_named(
    tmp_path: Path, data: bytes, said: str
) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(data)
    with pytest.raises(Problem, match=f"config.json {said}"):
        read_object(path)
