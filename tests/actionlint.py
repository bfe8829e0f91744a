"""actionlint, a checker of GitHub's workflows, which also hands their scripts to shellcheck: `python -m tests.actionlint`."""

import subprocess
import sys
from pathlib import Path

from tests.go_tools import built

ROOT = Path(__file__).parents[1]
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"


def main() -> int:
    """actionlint's exit code: 0 when it finds nothing."""
    program = built(ROOT / "tests/tools", PACKAGE) / "actionlint"
    shellcheck = Path(sys.executable).parent / "shellcheck"
    argv = [str(program), "-shellcheck", str(shellcheck), "-pyflakes", ""]
    return subprocess.run(argv, cwd=ROOT, timeout=120, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
