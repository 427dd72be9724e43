"""What embeds the tool into a program: the names of `import batch_onboard`.

`docs/library.md` describes them. What does not stand in `__all__` may change at any time.
"""

from __future__ import annotations

from batch_onboard.app.batch import Batch, open_batch
from batch_onboard.app.histories import history_of
from batch_onboard.app.outcome import Outcome
from batch_onboard.app.planfile import Approved, PlanFileError, load_plan, save_plan
from batch_onboard.app.planning import Item, Plan, Planning
from batch_onboard.app.settings import Settings
from batch_onboard.core.allowance import Allowance
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.planning import Action, Planned
from batch_onboard.core.selection import Selection, SelectionError, Selector
from batch_onboard.core.shard import Shard
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.core.tolerance import Tolerance
from batch_onboard.engine.watching import Happening, Notice, Watcher
from batch_onboard.exits import Exit
from batch_onboard.ledger.errors import LedgerError, LedgerLockedError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.history import History
from batch_onboard.manifest.load import Manifest, load_manifest
from batch_onboard.manifest.problems import ManifestError, Problem
from batch_onboard.report.formats import Format, write_report
from batch_onboard.report.results import Result, results
from batch_onboard.report.summary import Cause, Summary, summarize
from batch_onboard.service.settings import ServiceConfigurationError
from batch_onboard.simulator.errors import SimulatorError
from batch_onboard.simulator.scenario import Scenario, ScenarioError, load_scenario

__all__ = [
    "Action",
    "Allowance",
    "Api",
    "Approved",
    "Batch",
    "Cause",
    "Encryption",
    "Exit",
    "Forecast",
    "Format",
    "Happening",
    "History",
    "Identity",
    "Item",
    "LedgerError",
    "LedgerLockedError",
    "Manifest",
    "ManifestError",
    "Notice",
    "Outcome",
    "Plan",
    "PlanFileError",
    "Planned",
    "Planning",
    "Problem",
    "Result",
    "Rules",
    "Scenario",
    "ScenarioError",
    "Selection",
    "SelectionError",
    "Selector",
    "ServiceConfigurationError",
    "Settings",
    "Shard",
    "SimulatorError",
    "State",
    "Summary",
    "Target",
    "TargetKey",
    "Tolerance",
    "Watcher",
    "history_of",
    "load_manifest",
    "load_plan",
    "load_scenario",
    "open_batch",
    "read_history",
    "results",
    "save_plan",
    "summarize",
    "write_report",
]
