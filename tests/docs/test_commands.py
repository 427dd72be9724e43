"""What a reader types as the documentation says, works, and shows what the documentation shows."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore import xform_name
from botocore.session import get_session

from batch_onboard.exits import Exit
from tests.cli.serving import served
from tests.docs.consoles import Shown, appears, commands
from tests.docs.terminal import REPOSITORY, Came, environment, typed

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENE = Path(__file__).parent / "scene"
PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]
ELSEWHERE = {
    r"python3 dev\.py (demo|test|check)": "the gate types these",
    r"python3 -m venv|\.venv/bin/pip install|pip install": "dev.py does the same",
    r"python -m pip install mutmut|mutmut run": "takes hours, and is not installed",
    r"apt-get install": "needs root",
    r"aws ": "another test compares these with the service model",
    r"TEST_S3=": "needs a server that is not installed",
    r"python -m (tests|benchmarks)": "take hours; tests import and try what they are made of",
}
"""Commands that are not typed here, by what they begin with, and why."""
INSTEAD = {
    r"\.venv/bin/batch-onboard": "batch-onboard",
    r"journalctl -u batch-onboard -o cat": "cat night.log",
}
"""What is typed in the place of what this machine may not have."""
WORKED = {Exit.OK, Exit.UNFINISHED, Exit.WORK_LEFT}
"""How a command may end whose page shows no end: the work was done, or as much as was asked for."""

SHOWN_FILE = re.compile(
    r"`(\w+\.yaml)`[^`]*(?:`[^`]*`[^`]*)*?:\n\n```yaml\n(.+?)^```", re.MULTILINE | re.DOTALL
)


def sections(path: Path) -> Iterator[tuple[str, str]]:
    """Yield title and text of what is read in one go: a page, or a section of the README."""
    mark = r"^(?=#+ )" if path.name == "README.md" else r"^(?=# )"
    for part in re.split(mark, (REPOSITORY / path).read_text(), flags=re.MULTILINE):
        if any(commands(part)):
            yield part.partition("\n")[0].lstrip("# "), part


SECTIONS = [
    pytest.param(text, id=f"{path.name}: {title}")
    for path in PAGES
    for title, text in sections(path)
]


class Desk:
    """A reader's desk: a folder with the files that the documentation speaks of."""

    def __init__(self, folder: Path, settings: dict[str, str], section: str) -> None:
        """Lay out the files, with those that the section itself shows."""
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []
        self.environment = environment(folder, settings)
        shutil.copytree(SCENE, folder, dirs_exist_ok=True)
        shutil.copytree(REPOSITORY / "configs", folder / "configs")
        for name, text in SHOWN_FILE.findall(section):
            (folder / name).write_text(text)

    def type(self, shown: Shown) -> None:
        """Type a command; what comes of it is to be what the page shows."""
        if shown.text.startswith("batch-onboard simulate"):
            self._leave_running(shown)
            return
        if any(name in shown.text for name in ("emea.ledger.jsonl", "night.log")):
            self._let_a_night_pass()
        rehearsal = (
            {"BATCH_ONBOARD_SCENARIO": "scenario.yaml"} if "--simulate" in shown.text else {}
        )
        came = typed(shown.text, self.folder, self.environment | rehearsal)
        told = f"$ {shown.text}\n{came.out}{came.seen}"
        fine = WORKED if shown.code == Exit.OK else {shown.code}
        assert came.code in fine, f"exit {came.code}\n{told}"
        assert "Traceback" not in told
        assert appears(shown.output, came.out) or appears(shown.output, _all(came)), told

    def close(self) -> None:
        """Leave nothing running."""
        for process in self._running:
            process.terminate()
            process.communicate(timeout=20)

    def _leave_running(self, shown: Shown) -> None:
        process = subprocess.Popen(
            shlex.split(shown.text),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        assert process.stdout is not None
        said = [process.stdout.readline().rstrip("\n") for _ in shown.output]
        assert appears(shown.output, "\n".join(said)), said
        exports = (line.removeprefix("export ").partition("=") for line in said)
        self.environment |= {name: value for name, _, value in exports}

    def _let_a_night_pass(self) -> None:
        if not (self.folder / "emea.ledger.jsonl").exists():
            night = "batch-onboard run emea.yaml --yes --log-format json 2>night.log"
            assert typed(night, self.folder, self.environment).code in WORKED


def _all(came: Came) -> str:
    """What the eye sees: stderr is shown as it comes, so before what is printed at the end."""
    return came.seen.removeprefix("y\n") + came.out


@pytest.mark.parametrize("section", SECTIONS)
def test_what_the_documentation_shows_is_what_happens(section: str, tmp_path: Path) -> None:
    """Each command, one after another, ends well or as is shown, and prints what is shown."""
    for tool in ("jq", "curl"):
        if re.search(rf"\b{tool} -", section) and shutil.which(tool) is None:
            pytest.skip(f"COMMANDS OF THE DOCUMENTATION NOT SHOWN HERE: {tool} is missing")
    with served(SCENE / "scenario.yaml") as settings:
        section = section.replace("4700", str(_free_port()))
        with closing(Desk(tmp_path, settings, section)) as desk:
            for shown in commands(section):
                if not any(re.match(prefix, shown.text) for prefix in ELSEWHERE):
                    desk.type(replace(shown, text=_at_hand(shown.text)))


def _at_hand(text: str) -> str:
    for missing, there in INSTEAD.items():
        text = re.sub(missing, there, text)
    return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_no_reason_for_not_typing_a_command_is_out_of_date() -> None:
    """Each of the exceptions is still about a command of the documentation."""
    shown = [each.text for path in PAGES for each in commands((REPOSITORY / path).read_text())]
    for pattern in ELSEWHERE | INSTEAD:
        assert any(re.match(pattern, text) for text in shown), pattern


def test_the_aws_commands_are_of_the_service_model() -> None:
    """Each names an operation that there is, with its own members and all that it requires."""
    shown = [each.text for path in PAGES for each in commands((REPOSITORY / path).read_text())]
    typed_by_hand = [shlex.split(text) for text in shown if text.startswith("aws ")]
    assert typed_by_hand
    for _, service, command, *options in typed_by_hand:
        model = get_session().get_service_model(service)
        operation = {xform_name(name, "-"): name for name in model.operation_names}[command]
        shape = model.operation_model(operation).input_shape
        assert shape is not None
        given = {word for word in options if word.startswith("--")} - {"--region"}
        assert given <= {f"--{xform_name(name, '-')}" for name in shape.members}
        assert given >= {f"--{xform_name(name, '-')}" for name in shape.required_members}
