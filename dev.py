#!/usr/bin/env python3
"""Sets the project up in a clone and runs it: needs Python 3.11 or newer, pip, and nothing else.

    python3 dev.py demo     the main job, on a simulated AWS: a throttle, a failure, a resume
    python3 dev.py test     the tests, with coverage; further arguments go to pytest
    python3 dev.py check    lint, format, types and import rules

Each command makes the virtual environment `.venv` and installs what it needs into it, once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
INTERRUPT_AFTER = 6.0


def install(*extras: str) -> None:
    """Install the project with extras, unless they are there for this very pyproject."""
    wanted = hashlib.sha256(
        b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
        + sys.version.encode()
    ).hexdigest()
    stamp = ENVIRONMENT / "installed"
    done, *present = stamp.read_text().split() if stamp.is_file() else [""]
    if done == wanted and set(extras) <= set(present):
        return
    if not (BIN / "python").exists():
        print(f"making {ENVIRONMENT.relative_to(ROOT)} ...", flush=True)
        venv.create(ENVIRONMENT, with_pip=not has_pip())
    print("installing, which takes a minute the first time ...", flush=True)
    what = f".[{','.join(extras)}]" if extras else "."
    quietly = ("-q", "--disable-pip-version-check", "--no-compile")
    pip("install", *quietly, "-c", "constraints.txt", "-e", what)
    # pip compiles on one core. Neither minds templates and the like, which are no Python.
    run("python", "-m", "compileall", "-q", "-q", "-j", "0", str(ENVIRONMENT / "lib"), check=False)
    stamp.write_text(" ".join([wanted, *(present if done == wanted else ()), *extras]))


def has_pip() -> bool:
    """Say whether this Python has a pip that can install into another one's environment."""
    if importlib.util.find_spec("pip") is None:
        return False
    major, minor = importlib.metadata.version("pip").split(".")[:2]
    return (int(major), int(minor)) >= (22, 3)


def pip(*arguments: str) -> None:
    """Run the environment's pip, or this Python's: it takes ten seconds to give it one."""
    if has_pip():
        command = [sys.executable, "-m", "pip", "--python", str(BIN / "python"), *arguments]
    else:
        command = [str(BIN / "pip"), *arguments]
    if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(code)


def run(*command: str, check: bool = True) -> int:
    """Run a command of the environment in the project's folder."""
    code = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False).returncode
    if check and code:
        sys.exit(code)
    return code


def demo() -> int:
    """Run the main job on the simulator: interrupted once, and resumed."""
    install()
    folder = ROOT / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [
        str(BIN / "batch-onboard"), "run", "configs/demo.yaml",
        "--ledger", "demo/demo.ledger.jsonl", "--yes",
    ]  # fmt: skip
    if not sys.stderr.isatty():
        command += ["--progress-every", "2s", "--log-format", "console"]
    simulate = [str(BIN / "batch-onboard"), "simulate", "--scenario", "configs/demo-scenario.yaml"]
    with subprocess.Popen(
        simulate, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as simulator:
        try:
            environment = os.environ | exports(simulator)
            show("The first run, which this demo interrupts on the way (Ctrl-C):", command)
            with subprocess.Popen(command, cwd=ROOT, env=environment) as first:
                time.sleep(INTERRUPT_AFTER)
                first.send_signal(signal.SIGINT)
            show("The same command again goes on where it was stopped:", command)
            code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        finally:
            simulator.terminate()
    print(
        f"\nThat run ended with exit code {code}: some targets need a person, as told above.\n"
        "Look further:\n"
        "  .venv/bin/batch-onboard status demo/demo.ledger.jsonl\n"
        "  .venv/bin/batch-onboard report demo/demo.ledger.jsonl -o demo/demo.html\n"
        "  less configs/demo.yaml configs/demo-scenario.yaml demo/demo.ledger.jsonl"
    )
    return 0 if code in {0, 3} else code


def exports(simulator: subprocess.Popen[str]) -> dict[str, str]:
    """Read the settings that the simulator prints as shell commands."""
    found: dict[str, str] = {}
    lines = iter(simulator.stdout or ())
    while "AWS_SECRET_ACCESS_KEY" not in found:
        name, _, value = next(lines).strip().removeprefix("export ").partition("=")
        found[name] = value
    return found


def show(what: str, command: list[str]) -> None:
    """Print what comes next, and the command that does it."""
    print(f"\n== {what}\n$ batch-onboard {' '.join(command[1:])}", flush=True)


def test(*arguments: str) -> int:
    """Run the tests."""
    install("test")
    if arguments:
        return run("python", "-m", "pytest", *arguments, check=False)
    # More than there are cores, since many tests wait for processes and for time that must pass.
    workers = str(2 * (os.cpu_count() or 1))
    return run(
        "python", "-m", "pytest", "-n", workers, "--dist", "worksteal",
        "--cov", "--cov-report=term", check=False,
    )  # fmt: skip


def check() -> int:
    """Run all that reads the code without running it."""
    install("test", "dev")
    # The types take ten times as long as all else, on one core.
    with subprocess.Popen([BIN / "mypy"], cwd=ROOT) as types:
        run("ruff", "check", ".")
        run("ruff", "format", "--check", ".")
        run("lint-imports")
    return types.returncode


def main() -> int:
    """Do what the first argument names."""
    commands = {"demo": demo, "test": test, "check": check}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        print(__doc__)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this script also meets older ones
        print(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
        return 2
    return commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
