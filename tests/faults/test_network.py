from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, Simulated, instance, manifest, shell, simulate
from tests.faults.lab import (
    FAST,
    LEDGER,
    QUICK,
    STEADY,
    assert_survived,
    assert_told,
    lines,
    needs,
    run_under,
)
from tests.faults.proxy import Mischief, Proxy, Rule, proxied

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

ENDPOINT = "AWS_ENDPOINT_URL"


def starts(proxy: Proxy) -> dict[str, int]:
    """Return how many Starts went over the wire for each instance."""
    found: dict[str, int] = {}
    for line in proxy.requests:
        if line.startswith("PUT"):
            name = line.split("/")[2]
            found[name] = found.get(name, 0) + 1
    return found


def test_a_start_that_the_network_swallows_is_read_before_it_is_sent_again(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """One request an attempt is on the wire; an accepted one is found, a lost one sent anew."""
    simulator = simulate(FAST)
    accepted = {"cut-after": Mischief.CUT_AFTER, "cut-amid": Mischief.CUT_AMID}
    lost = {"cut-before": Mischief.CUT_BEFORE, "web-page": Mischief.HTML}
    kinds = accepted | lost
    rules = [Rule(kind, ("PUT", f"/{name}/"), times=1) for name, kind in kinds.items()]
    shell.write("wave.yaml", manifest(*(instance(name) for name in kinds)))
    with proxied(simulator.settings[ENDPOINT], *rules) as proxy:
        shell.environment[ENDPOINT] = proxy.url
        assert_told(shell.run("run", "wave.yaml", *STEADY), Exit.OK)
        assert starts(proxy) == dict.fromkeys(accepted, 1) | dict.fromkeys(lost, 2)
        targets = assert_survived(shell, simulator, 4)
    assert {(each["state"], each["started_here"]) for each in targets} == {("succeeded", True)}


def test_a_read_that_the_network_spoils_teaches_nothing_and_is_made_again(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Cut, dripping, empty of sense: the target is not taken for fresh, nor for anything else."""
    ours = "{enabled: true, key_arn: 'arn:aws:kms:eu-west-2:111111111111:key/aaaa'}"
    simulator = simulate(
        f"{FAST}instances:\n  - {{match: {{}}, initial: onboarded, encryption: {ours}}}\n"
    )
    kinds = [Mischief.CUT_BEFORE, Mischief.CUT_AFTER, Mischief.CUT_AMID]
    kinds += [Mischief.HTML, Mischief.DRIP]
    rules = [Rule(kind, ("GET", f"/i-{n}/"), times=1) for n, kind in enumerate(kinds)]
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(len(kinds)))))
    with proxied(simulator.settings[ENDPOINT], *rules) as proxy:
        shell.environment[ENDPOINT] = proxy.url
        ended = shell.run("run", "wave.yaml", *STEADY, "-vv")
        assert starts(proxy) == {}
    assert_told(ended, Exit.OK, "already_onboarded=5", "timeout", "connection_lost")


def test_an_account_in_a_black_hole_holds_up_nobody_else(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Calls for one account are never answered; all the others' targets are done meanwhile."""
    simulator = simulate(FAST)
    dark = [instance(f"dark-{n}") for n in range(6)]
    others = [instance(f"i-{n}", f"{n + 2:012}") for n in range(6)]
    shell.write("wave.yaml", manifest(*dark, *others))
    with proxied(simulator.settings[ENDPOINT], Rule(Mischief.BLACK_HOLE, ("/dark-",))) as proxy:
        shell.environment[ENDPOINT] = proxy.url
        process = shell.start("run", "wave.yaml", *QUICK, "--concurrency", "7", "--timeout", "10m")
        deadline = time.monotonic() + 30
        while len(lines(shell, "job_succeeded")) < len(others):
            assert time.monotonic() < deadline, "the others wait"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode in {Exit.INTERRUPTED, Exit.TERMINATED}, err
        assert "succeeded=6" in out
        proxy.rules.clear()
        assert_survived(shell, simulator, 12)


# An outage is waited out for five minutes; on a clock that runs 100 times as fast, for three seconds.
HURRIED = ("faketime", "-f", "+0s x100")


@needs(23, "unshare", "faketime", root=True)
def test_without_a_name_server_targets_are_unresolved_and_the_cause_is_told(shell: Shell) -> None:
    """No host can be found, so nothing was sent: exit 3, and the next run tries again."""
    shell.write("wave.yaml", manifest(instance("a")))
    keys = {"AWS_ACCESS_KEY_ID": "AKIAMADEUP", "AWS_SECRET_ACCESS_KEY": "made-up"}
    ended = run_under(shell, ["unshare", "-n", *HURRIED], "run", "wave.yaml", "--yes", **keys)
    assert_told(ended, Exit.UNFINISHED, "unresolved=1", "name resolution", "DNS")
    assert lines(shell, "intended") == []


@needs(24, "openssl", "faketime")
def test_a_certificate_that_nobody_has_signed_is_refused_until_it_is_named(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The way out, AWS_CA_BUNDLE, stands in the message; with it the run succeeds."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    certificate = shell.folder / "proxy.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += ["-nodes", "-days", "2", "-subj", "/CN=proxy", "-addext", "subjectAltName=IP:127.0.0.1"]
    both = ["-keyout", str(certificate), "-out", f"{certificate}.crt"]
    subprocess.run([*made, *both], check=True, capture_output=True)
    bundle = f"{certificate}.crt"
    certificate.write_text(certificate.read_text() + Path(bundle).read_text())
    with proxied(simulator.settings[ENDPOINT], certificate=certificate) as proxy:
        shell.environment[ENDPOINT] = proxy.url
        ended = run_under(shell, HURRIED, "run", "wave.yaml", "--yes")
        assert_told(ended, Exit.UNFINISHED, "unresolved=1", "AWS_CA_BUNDLE")
        assert proxy.requests == []
        shell.environment["AWS_CA_BUNDLE"] = bundle
        targets = assert_survived(shell, simulator, 1)
    assert [(each["state"], each["attempts"]) for each in targets] == [("succeeded", 1)]
    assert (shell.folder / LEDGER).exists()
