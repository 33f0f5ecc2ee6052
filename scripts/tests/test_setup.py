"""What `scripts/setup.sh` decides about the build: `python -m pytest scripts/tests/test_setup.py`."""

import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[1] / "setup.sh"
SERVER = "fpu sse4_2 avx2 fma f16c bmi2 avx512f avx512dq avx512cd avx512bw avx512vl"


def options(flags: str) -> list[str]:
    asked = subprocess.run(
        [shutil.which("bash"), "-c", f'. {SETUP}; cpu_options "$1"', "bash", flags],
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.split()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse4_2 avx2 fma f16c bmi2", []),
        # Early ones have only a part, which llama.cpp's code for AVX-512 does not run on.
        ("avx2 avx512f avx512cd avx512er avx512pf", []),
        (SERVER, ["GGML_AVX512"]),
        (
            f"{SERVER} avx512vbmi avx512_vnni",
            ["GGML_AVX512", "GGML_AVX512_VBMI", "GGML_AVX512_VNNI"],
        ),
        # Never: what compilers make of it dies on some of the processors that have it.
        (f"{SERVER} amx_bf16 amx_tile amx_int8 avx_vnni", ["GGML_AVX512"]),
    ],
)
def test_the_build_takes_what_the_processor_has(
    flags: str, expected: list[str]
) -> None:
    assert options(flags) == expected


def test_bfloat16_needs_a_compiler_that_knows_it() -> None:
    knows = subprocess.run(
        ["c++", "-mavx512bf16", "-E", "-x", "c++", "-"], input=b"", capture_output=True
    )
    expected = ["GGML_AVX512_BF16"] if knows.returncode == 0 else []
    assert options(f"{SERVER} avx512_bf16") == ["GGML_AVX512", *expected]
