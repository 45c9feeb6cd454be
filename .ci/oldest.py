"""Print the oldest allowed version of each dependency, ``name==version``, for pip: ``.ci/oldest.py [EXTRA ...]``."""

import re
import sys
import tomllib
from pathlib import Path

PIN = re.compile(r"(?P<name>[\w.-]+)>=(?P<oldest>[\w.]+)")


def oldest(extras: list[str]) -> list[str]:
    """Return the pins of the dependencies and of the extras' dependencies; an extra that names itself is left out."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    pins = []
    for requirement in wanted:
        if requirement.startswith(project["name"]):
            continue
        match = PIN.fullmatch(requirement)
        if match is None:
            raise SystemExit(f"a dependency must be written name>=version, got {requirement!r}")
        pins.append(f"{match['name']}=={match['oldest']}")
    return pins


if __name__ == "__main__":
    print("\n".join(oldest(sys.argv[1:])))
