from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from batch_onboard.core.lifecycle import State
from batch_onboard.core.record import Record
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.history import TargetInfo
from batch_onboard.report.formats import Format, write_report
from tests.report.building import BEGAN, batch, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="HTML REPORT NOT SHOWN HERE: it needs chromium (apt-get install chromium)",
)
IMAGE = '<img src="http://127.0.0.1:9/x" onerror="window.hacked=1">'
SCRIPT = "</script><!--<script>window.hacked=1</script>"
TURNED = "invoice\u202egnp.exe"
TARGETS = 10_000
CANVASES = ("timeline", "throttles", "rates", "durations")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 10,000 targets, one of which has hostile text wherever text may stand."""
    made = batch(TARGETS - 1, name=f"wave {SCRIPT}")
    key = TargetKey("999999999999", "eu-west-2", IMAGE)
    labels = (("owner", IMAGE), ("file", TURNED))
    made.targets[key] = TargetInfo(Api.V2, "disabled", labels=labels)
    record = made.records[key] = Record(state=State.REJECTED, attempts=1)
    record.error_code, record.message, record.request_id = SCRIPT, IMAGE + TURNED, SCRIPT
    hostile = {"user": IMAGE, "host": SCRIPT, "change_ref": TURNED, "arguments": (SCRIPT, IMAGE)}
    made.runs.append(run(SCRIPT, BEGAN.replace(day=23), 60, 3, **hostile))
    path = tmp_path_factory.mktemp("report") / "report.html"
    with path.open("w", encoding="utf-8") as file:
        write_report(made, Format.HTML, file)
    return path


@contextmanager
def opened(browser: Browser, report: Path, **options: Any) -> Iterator[Page]:
    """The report in a window of its own, which must neither complain nor ask for anything."""
    page = browser.new_page(**options)
    page.set_default_timeout(10_000)
    noises: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    if options.get("java_script_enabled", True):
        page.locator("#shown", has_text="targets").wait_for()
    yield page
    page.close()
    assert (noises, requests) == ([], [report.as_uri()])


def colours(page: Page, figure: str) -> list[str]:
    """The colours that a chart has, the transparent ground apart."""
    found: list[str] = page.eval_on_selector(
        f"#{figure} canvas",
        """canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const seen = new Set();
            for (let at = 0; at < data.length; at += 4)
                if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
            return [...seen];
        }""",
    )
    return found


def emulate(page: Page, **media: Any) -> None:
    """Change what the page is shown on, and wait until it is drawn anew."""
    page.emulate_media(**media)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def first_row(page: Page) -> list[str]:
    """The first row of the table of targets."""
    return page.locator("#targets tbody tr:not(.spacer)").first.locator("td").all_inner_texts()


def test_charts_are_drawn_in_both_colour_schemes(browser: Browser, report: Path) -> None:
    """Each has its lines, in other colours on dark paper, also when the scheme changes later."""
    with opened(browser, report, color_scheme="light") as page:
        light = {figure: colours(page, figure) for figure in CANVASES}
        assert all(light.values())
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        emulate(page, color_scheme="dark")
        dark = {figure: colours(page, figure) for figure in CANVASES}
        assert all(set(dark[figure]) - set(light[figure]) for figure in CANVASES)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper


def test_a_run_can_be_chosen(browser: Browser, report: Path) -> None:
    """The charts are of the run that is chosen, and its stretches are named."""
    with opened(browser, report) as page:
        assert page.locator("#run option").all_inner_texts() == [
            "2026-11-21 20:00 UTC, 17m13s, exit 3"
        ]
        assert "in each 15s" in page.locator("#timeline figcaption").inner_text()
        assert "Starts" in (page.locator("#timeline .plot").get_attribute("aria-label") or "")


def test_any_number_of_rows_scrolls(browser: Browser, report: Path) -> None:
    """Only rows in view are in the page, and the last one is found at the end."""
    with opened(browser, report) as page:
        rows = page.locator("#targets tbody tr")
        assert rows.count() < 100
        assert page.locator("#targets table").get_attribute("aria-rowcount") == str(TARGETS + 1)
        page.eval_on_selector("#targets .scroll", "box => box.scrollTo(0, box.scrollHeight)")
        page.locator(f'[aria-rowindex="{TARGETS + 1}"]').wait_for()
        assert rows.count() < 100


def test_the_table_sorts_by_each_column(browser: Browser, report: Path) -> None:
    """A header's button sorts, once more turns round, and says so to those who can't see it."""
    with opened(browser, report) as page:
        for key in ("account_id", "started_at", "state"):
            head = page.locator(f'th[data-key="{key}"]')
            head.get_by_role("button").focus()
            page.keyboard.press("Enter")
            assert head.get_attribute("aria-sort") == "ascending"
            low = first_row(page)
            page.keyboard.press("Enter")
            assert head.get_attribute("aria-sort") == "descending"
            number = ["account_id", "region", "instance_id", "state", "", "", "started_at"].index(
                key
            )
            assert low[number] != first_row(page)[number]
            assert first_row(page)[number]
        assert page.locator("th[aria-sort=none]").count() == 9


def test_the_table_is_searched_and_filtered(browser: Browser, report: Path) -> None:
    """Words and states narrow it together, and a cause shows the targets behind it."""
    with opened(browser, report) as page:
        shown = page.locator("#shown")
        page.locator("#search").fill("000000000003 retail")
        states = page.locator(".chip", has_text="failed").locator("input")
        states.check()
        assert shown.inner_text().endswith("of 10,000 targets")
        number = int(shown.inner_text().split()[0])
        assert 0 < number < 20
        for row in range(2, number + 2):
            cells = page.locator(f'[aria-rowindex="{row}"] td').all_inner_texts()
            assert cells[0] == "000000000003"
            assert "failed" in cells[3]
        page.locator(".causes li", has_text="KMS_ACCESS_DENIED").get_by_role("button").click()
        told = page.locator(".causes li", has_text="KMS_ACCESS_DENIED").locator(".quiet").nth(1)
        assert shown.inner_text().split()[0] == told.inner_text().split()[1]
        assert not states.is_checked()
        page.locator("#search").fill("no such thing")
        assert shown.inner_text() == "0 of 10,000 targets"


def test_hostile_text_stays_text(browser: Browser, report: Path) -> None:
    """What a label, a message or a user's name says is shown, letter by letter, and does nothing."""
    with opened(browser, report) as page:
        assert page.locator("h1").inner_text() == f"wave {SCRIPT}"
        page.locator("#search").fill("999999999999")
        page.get_by_role("button", name=IMAGE).click()
        told = page.locator("dialog").inner_text()
        assert f"owner={IMAGE}, file=invoice\\u202egnp.exe" in told
        assert SCRIPT in told
        page.keyboard.press("Escape")
        assert not page.locator("dialog").is_visible()
        assert page.locator("img").count() == 0
        assert page.evaluate("window.hacked") is None
        assert "\u202e" not in page.content()


def test_nothing_can_be_sent_or_injected(browser: Browser, report: Path) -> None:
    """Even if a script got into the page, the browser would neither run it nor let data out."""
    page = browser.new_page()
    page.goto(report.as_uri())
    refused = page.evaluate(
        """async () => {
            const refused = [];
            addEventListener("securitypolicyviolation", e => refused.push(e.effectiveDirective));
            document.body.insertAdjacentHTML("beforeend", `<p onclick="window.hacked=1"></p>`);
            document.body.lastElementChild.click();
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            await fetch("http://127.0.0.1:9/").catch(() => null);
            await new Promise(done => setTimeout(done));
            return [refused, window.hacked ?? null];
        }"""
    )
    page.close()
    assert refused == [["script-src-attr", "script-src-elem", "connect-src"], None]


def test_the_page_prints_a_part_and_says_so(browser: Browser, report: Path) -> None:
    """On paper, on white ground, stand the first rows of what is shown, and how many there are."""
    with opened(browser, report, color_scheme="dark") as page:
        dark = colours(page, "timeline")
        emulate(page, media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#targets tbody tr").count() == 500
        assert "first 500 are printed" in page.locator("#shown").inner_text()
        assert set(colours(page, "timeline")) - set(dark)
        emulate(page, media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("#targets tbody tr").count() < 200


def test_without_its_script_the_page_still_tells_what_matters(
    browser: Browser, report: Path
) -> None:
    """States, causes and what to do are there; the rest says where it can be had."""
    with opened(browser, report, java_script_enabled=False) as page:
        assert "--format csv" in page.locator("#no-script").inner_text()
        assert page.locator(".causes li").count() > 4
        assert page.locator(".drawn:visible").count() == 0


def test_a_small_window_shows_all(browser: Browser, report: Path) -> None:
    """At 400 pixels nothing but the tables is wider than the window."""
    with opened(browser, report, viewport={"width": 400, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 400
