"""Checks that every crate in Cargo.lock has a licence that deny.toml allows.

That is stricter than what the program contains: crates for tests, for the build and for other platforms count, too.
`cargo deny` checks more (advisories, sources) where it is installed; this needs nothing but cargo and runs everywhere.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def allowed(expression: str, licences: set[str]) -> bool:
    """Whether an SPDX expression can be met with the allowed licences; `/` is an older way to write OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either() -> bool:
        met = both()
        while tokens and tokens[0].upper() == "OR":
            tokens.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while tokens and tokens[0].upper() == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            met = either()
            tokens.pop(0)
            return met
        if tokens and tokens[0].upper() == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in licences

    return either()


def main() -> int:
    """Prints the crates that must be replaced or reviewed; 1 when there are any."""
    policy = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
    licences = set(policy["licenses"]["allow"])
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    refused = []
    for package in json.loads(metadata.stdout)["packages"]:
        expression = package["license"]
        if expression is None or not allowed(expression, licences):
            refused.append(f"{package['name']} {package['version']}: {expression}")
    for line in refused:
        print(f"licence not allowed by deny.toml: {line}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
