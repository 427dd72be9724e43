from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from batch_onboard.simulator.faultrules import FaultKind, FaultRule, Window
from batch_onboard.simulator.landscape import (
    AccountEntry,
    ConnectInstance,
    OrganizationSettings,
    UnitEntry,
)
from batch_onboard.simulator.matching import Match
from batch_onboard.simulator.scenario import (
    AliasRule,
    Caller,
    KmsSettings,
    RoleRule,
    Scenario,
    ScenarioError,
    StsSettings,
    load_scenario,
)
from batch_onboard.simulator.settings import (
    Behaviour,
    EncryptionSettings,
    InstanceRule,
    Span,
    Throttle,
    ThrottleRule,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

SAMPLE = Path(__file__).parents[2] / "configs" / "scenario.yaml"


def _keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in _keys_of(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in _keys_of(inner)}
    return set()


def test_the_sample_loads_and_shows_every_key() -> None:
    """configs/scenario.yaml is valid, and no key that a scenario may have is missing in it."""
    scenario = load_scenario(SAMPLE)
    assert scenario.throttle.overrides[1].rate is None
    shown = _keys_of(yaml.safe_load(SAMPLE.read_text(encoding="utf-8")))
    models: list[type[BaseModel]] = [
        *(AliasRule, Behaviour, Caller, EncryptionSettings, FaultRule, InstanceRule, KmsSettings),
        *(Match, RoleRule),
        *(Scenario, Span, StsSettings, Throttle, ThrottleRule, Window),
        *(AccountEntry, ConnectInstance, OrganizationSettings, UnitEntry),
    ]
    for model in models:
        names = {field.alias or name for name, field in model.model_fields.items()}
        assert names <= shown, model.__name__
    text = SAMPLE.read_text(encoding="utf-8")
    assert all(kind.value in text for kind in FaultKind)


def test_the_samples_caller_is_the_default_one() -> None:
    """The file says so, and a reader may rely on it."""
    assert load_scenario(SAMPLE).callers == Scenario().callers


def test_an_empty_file_is_the_default_scenario(tmp_path: Path) -> None:
    """Every key has a default: 2 a second with a burst of 5, jobs of 20 to 60 s."""
    path = tmp_path / "scenario.yaml"
    path.write_text("# nothing\n", encoding="utf-8")
    scenario = load_scenario(path)
    assert scenario == Scenario()
    assert (scenario.throttle.rate, scenario.throttle.burst) == (2.0, 5.0)
    assert (scenario.defaults.job_duration.min, scenario.defaults.job_duration.max) == (20.0, 60.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sed: 1", ":1:1: sed: unknown key; did you mean seed?"),
        ("sts: {rolls: []}", ":1:7: sts.rolls: unknown key; did you mean roles?"),
        ("zzz: 1", ":1:1: zzz: unknown key; configs/scenario.yaml shows all"),
        ("1: 1", ":1:1: 1: "),
        ("seed: 0\nthrottle:\n  rate: -1", ":3:9: throttle.rate: Input should be greater than 0"),
        ("instances:\n  - {initial: fres}", ":2:15: instances.0.initial: Input should be 'fresh'"),
        ("instances:\n  - {match: {account_id: 111122223333}}", "must be text: put it in quotes"),
        ("defaults: {failure_code: OOPS}", "must be one of EVENT_BRIDGE_ACCESS_DENIED, "),
        ("defaults: {outcome: IN_PROGRESS}", "for a job without end: job_duration"),
        ("defaults: {job_duration: {min: 9, max: 1}}", "min must not be more than max"),
        ("defaults: {job_duration: {min: 0, max: .nan}}", "job_duration"),
        ("faults: [{kind: delay}]", "a delay needs seconds"),
        ("faults: [{kind: redirect}]", "a redirect needs location"),
        ("faults: [{kind: error, match: {operation: Strat*}}]", "matches none of Start"),
        ("faults: [{}]", ":1:10: faults.0.kind: Field required"),
        ("throttle: {retry_after: 2026-01-01}", ":1:25: throttle.retry_after.int: "),
        ("callers: []", ":1:10: callers: Tuple should have at least 1 item"),
        ("- a list", ":1:1: the file: "),
        ("seed: [", ":1:8: is not YAML: "),
        ("seed: \x00", "is not YAML: "),
        ("seed: 2026-13-45", "month must be in 1..12"),
        ("[" * 1000, "is nested too deeply"),
    ],
)
def test_a_wrong_file_is_told_with_place_and_reason(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """The message begins with file, line and column, where there is one."""
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        load_scenario(path)
    assert str(raised.value).startswith(str(path))
    assert complaint in str(raised.value)


def test_all_complaints_come_at_once(tmp_path: Path) -> None:
    """One line for each, in one pass."""
    path = tmp_path / "scenario.yaml"
    path.write_text("seed: x\nsts: {rolls: []}\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        load_scenario(path)
    assert len(str(raised.value).splitlines()) == 2


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file, and one that isn't text."""
    with pytest.raises(ScenarioError, match="can't be read: No such file"):
        load_scenario(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="is not UTF-8 text"):
        load_scenario(tmp_path / "binary.yaml")


def test_the_callers_secret_is_not_shown() -> None:
    """A scenario may be printed."""
    assert Caller().secret_access_key not in repr(Scenario())


def test_a_window_is_open_by_default() -> None:
    """Without bounds a fault may strike at any time."""
    assert (Window().from_, Window().to) == (0.0, math.inf)
