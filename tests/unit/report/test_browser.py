"""The page in a real browser: it opens without a complaint, its pictures are there, what can be clicked works."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from populations import study_folder
from typer.testing import CliRunner

from exotrack import tables as contract
from exotrack.cli import app
from exotrack.params import preset
from exotrack.report import write_report

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1600",
)  # fmt: skip


def found(*names: str) -> str | None:
    """The first of the programs that is installed."""
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium; the tests are skipped without one, unless EXOTRACK_REQUIRE_BROWSER=1."""
    program, driver = found("chromium", "chromium-browser", "google-chrome"), found("chromedriver", "chromium.chromedriver")
    if not (program and driver):
        reason = "needs chromium and chromedriver on the PATH (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("EXOTRACK_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


def opened(browser, folder: Path, scene, **changes):
    """Write the report of `scene`, open it, and say that the browser has nothing to complain of."""
    given = {"movie": scene.movie, "tables": scene.tables, "params": preset("granule"), "provenance": {"wall_s": 1.5}}
    path = write_report(folder, **{**given, "footprint": scene.footprint, **changes})
    browser.get(path.as_uri())
    assert browser.get_log("browser") == []
    return browser


@pytest.fixture(scope="module")
def page(browser, scene, tmp_path_factory):
    return opened(browser, tmp_path_factory.mktemp("report"), scene)


def test_every_picture_is_there(page):
    widths = page.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt.length])")
    assert len(widths) >= 7
    assert all(complete and width > 0 and alt > 0 for complete, width, alt in widths)
    sizes = page.execute_script("return [...document.querySelectorAll('svg.chart')].map(s => s.getBoundingClientRect().height)")
    assert len(sizes) == 2 * 6 + 4 and min(sizes) > 50


def test_nothing_was_fetched(page):
    assert page.execute_script("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:'))") == []


def test_heads_sort_the_events_both_ways(page):
    def column(index):
        return page.execute_script(
            f"return [...document.querySelectorAll('#events tbody tr')].map(r => r.cells[{index}].dataset.v)"
        )

    button = page.find_element("css selector", "#events th:nth-child(12) button")
    for descending in (False, True):
        page.execute_script("arguments[0].click()", button)
        values = [float(value) for value in column(11) if value]
        assert values == sorted(values, reverse=descending) and len(set(values)) > 1
        assert column(11)[-1] == "", "rows without a value stay at the end"
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"


def test_the_kinds_can_be_filtered(page):
    shown = page.execute_script("""
        const kind = document.getElementById('filter-kind');
        kind.value = 'full_fusion'; kind.dispatchEvent(new Event('change'));
        const rows = [...document.querySelectorAll('#events tbody tr')].filter(r => r.offsetParent).map(r => r.dataset.kind);
        kind.value = ''; kind.dispatchEvent(new Event('change'));
        return rows""")
    assert shown == ["full_fusion"] * 3


def test_a_mark_leads_to_its_card_by_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    mark = page.find_element("id", "mark-2")
    page.execute_script("arguments[0].focus()", mark)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.execute_script("return location.hash") == "#event-2"
    assert page.execute_script("return document.querySelector(':target').id") == "event-2"


def test_a_kind_can_be_hidden_from_the_cell(page):
    display = "return getComputedStyle(document.getElementById('mark-2')).display"
    assert page.execute_script(display) != "none"
    box = page.find_element("id", "show-full_fusion")
    page.execute_script("arguments[0].click()", box)
    assert page.execute_script(display) == "none"
    page.execute_script("arguments[0].click()", box)


@pytest.mark.parametrize("width", [480, 900, 1280])
def test_the_page_never_scrolls_sideways(page, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_themes(page, scheme):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    ratios = page.execute_script("""
        const style = getComputedStyle(document.documentElement), probe = document.createElement('i');
        document.body.append(probe);
        const light = (name) => {
            probe.style.color = style.getPropertyValue(name);
            const [r, g, b] = getComputedStyle(probe).color.match(/[0-9.]+/g).map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
        const found = Object.fromEntries([['--ink', '--surface'], ['--muted', '--surface'], ['--muted', '--bg'],
            ['--warn', '--warnbg'], ['--ok', '--okbg'], ['--accent', '--surface'],
            ['--full_fusion', '--surface'], ['--kiss_and_run', '--surface']]
            .map(([a, b]) => [a + b, ratio(a, b)]));
        probe.remove();
        return found""")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    # WCAG 2.2: 4.5 for text, 3 for marks.
    assert all(ratio >= (3 if "fusion" in pair or "kiss" in pair else 4.5) for pair, ratio in ratios.items()), ratios


def test_hostile_names_do_nothing(browser, make_scene, tmp_path):
    scene = make_scene(n_fusions=1, movie_id=HOSTILE)
    page = opened(browser, tmp_path, scene, provenance={HOSTILE: HOSTILE, "warnings": [HOSTILE]})
    assert page.find_element("tag name", "h1").text == HOSTILE
    assert page.title == f"{HOSTILE} – exotrack report"
    assert page.execute_script("return document.scripts.length") == 1


def test_empty_tables_open(browser, scene, tmp_path):
    page = opened(browser, tmp_path, scene, tables={table.name: table.empty() for table in contract.ALL})
    assert "No fusion was called" in page.find_element("id", "fusions").text
    assert page.execute_script("return [...document.images].every(i => i.naturalWidth > 0)")


def test_the_page_is_whole_without_scripts(browser, scene, tmp_path):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = opened(browser, tmp_path, scene)
        assert len(page.find_elements("css selector", "#events tbody tr")) == 46
        assert not page.find_element("class name", "filters").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_pages_of_a_study_and_of_its_statistics_open(browser, tmp_path):
    out = study_folder(tmp_path / "study")
    for words in (["report", str(out)], ["stats", str(out / "movies"), "--design", str(tmp_path / "design.csv"), "--patterns"]):
        if words[0] == "stats":
            design = [f"m{k},{('rest', 'calcium')[k % 2]},a{k}" for k in range(6)]
            (tmp_path / "design.csv").write_text("movie_id,condition,animal\n" + "\n".join(design))
            words += ["--out", str(tmp_path / "stats"), "--repeats", "0"]
        done = CliRunner().invoke(app, words)
        assert done.exception is None, done.output
    for path in (out / "report.html", tmp_path / "stats" / "report.html"):
        browser.get(path.as_uri())
        assert browser.get_log("browser") == []
        charts = browser.execute_script("""return [...document.querySelectorAll('svg.chart')].map(
            s => [s.getBoundingClientRect().height, (s.getAttribute('aria-label') || '').length])""")
        assert len(charts) >= 5
        assert all(height > 50 and words > 20 for height, words in charts)
        wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, "nothing sticks out at the side"
        assert (
            browser.execute_script("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:'))")
            == []
        )
        assert path.stat().st_size < 1_000_000
