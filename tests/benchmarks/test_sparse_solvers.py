import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("sparse_solvers.py")


def test_the_benchmark_runs_and_holds_solvers_to_the_same_objective(tmp_path):
    out = tmp_path / "out.json"
    command = [sys.executable, str(SCRIPT), "--quick", "--parts", "path", "--solvers", "featkit,liblinear"]
    root = str(SCRIPT.parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    subprocess.run([*command, "--json", str(out)], check=True, capture_output=True, env=environment)
    path = json.loads(out.read_text())["path"]
    assert path["featkit"]["ratio"] == 1.0
    assert path["featkit"]["is_equal"]
    assert path["liblinear"]["is_equal"]
    assert path["liblinear"]["ratio"] > 1.0
