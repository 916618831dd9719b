"""The file: complete, self-contained, escaped, written at once."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from exotrack import tables as contract
from exotrack.errors import InputError, OutputError
from exotrack.params import preset
from exotrack.report import write_report
from exotrack.report.page import render

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
PROVENANCE = {
    "finished": "2026-03-01T10:20:30+00:00", "wall_s": 12.25, "versions": {"numpy": "2.1"}, "steps": [{"a": 1}, {"a": 2}],
    "warnings": ["detect: odd"], "argv": ["exotrack", "run"],
}  # fmt: skip


class Page(HTMLParser):
    """What a test asks of a page: its elements with their attributes, its text, and the text of its styles."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.style, self._inside = "", "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data):
        if self._inside == "style":
            self.style += data
        elif self._inside != "script":
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(scene, **changes):
    given = {"movie": scene.movie, "tables": scene.tables, "params": preset("granule"), "provenance": PROVENANCE}
    return Page(render(**{**given, "footprint": scene.footprint, **changes}))


@pytest.fixture(scope="module")
def page(scene):
    return page_of(scene)


def test_nothing_outside_the_file_is_referred_to(page):
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
        assert not re.search(r"url\((?!#)", attributes.get("style") or "") and tag not in ("iframe", "object", "embed", "base")
    assert "url(" not in page.style and "@import" not in page.style


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {(attributes.get("href") or "")[1:] for _, attributes in page.elements if "href" in attributes} - {"ata:,"}
    assert targets <= set(ids)


def test_every_picture_says_what_it_shows(page):
    assert page.all("img") and all(attributes.get("alt") for attributes in page.all("img"))
    drawings = page.all("svg")
    assert all("aria-label" in svg or svg.get("aria-hidden") == "true" for svg in drawings)


def test_every_fusion_has_its_card_with_strip_and_two_charts(scene, page):
    cards = [attributes for attributes in page.all("article") if "card" in (attributes.get("class") or "")]
    assert [card["id"] for card in cards] == [f"event-{k}" for k in scene.tables["events"].query("track_id < 1000")
                                              .sort_values("t_s")["event_id"]]  # fmt: skip
    labels = " ".join(attributes.get("aria-label") or "" for attributes in page.all("svg"))
    for kind, number in (("full fusion", 2), ("kiss and run", 1)):
        assert f"Intensity against time from {kind} {number}," in labels
        assert f"Squared width against time from {kind} {number}," in labels


def test_the_page_says_what_was_run(page):
    for words in ("2026-03-01 10:20 UTC", "versions.numpy", "steps.1.a", "12.25", "detect: odd", "detect.sigma_um", "um^2/s"):
        assert words in page.text
    assert "made by hand" in page.text and "1 of 120 frames are not analysed" in page.text


def test_hostile_names_are_text(make_scene):
    scene = make_scene(n_fusions=1, movie_id=HOSTILE)
    tables = dict(scene.tables)
    tables["candidates"] = tables["candidates"].assign(reasons=HOSTILE)
    page = page_of(scene, tables=tables, provenance={HOSTILE: HOSTILE, "warnings": [HOSTILE], "finished": HOSTILE})
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.text.count(HOSTILE) >= 4


def test_empty_tables_make_a_page(scene):
    page = page_of(scene, tables={table.name: table.empty() for table in contract.ALL}, provenance={}, footprint=None)
    for words in ("No fusion was called", "No docked vesicle", "No candidate was turned down", "No event was found", "no rate"):
        assert words in page.text


def test_absent_tables_count_as_empty(scene):
    assert "No fusion was called" in page_of(scene, tables={}).text


def test_missing_numbers_are_dashes_not_failures(scene):
    tables = {name: table.copy() for name, table in scene.tables.items()}
    for name, table in tables.items():
        for key in table.select_dtypes("float64").columns:
            table[key] = np.nan
        for key in table.select_dtypes(["Int64", "boolean"]).columns:
            table[key] = table[key].mask(table[key].notna())
        contract_of = next(t for t in contract.ALL if t.name == name)
        contract_of.check(table)
    page = page_of(scene, tables=tables)
    assert len(page.all("article")) == 6
    assert not re.search(r"\b(nan|NaN|<NA>|inf)\b", page.text)


def test_more_fusions_than_cards_are_told(scene, monkeypatch):
    for module in ("cards", "page"):
        monkeypatch.setattr(f"exotrack.report.{module}.MAX_CARDS", 4)
    page = page_of(scene)
    assert len(page.all("article")) == 4
    assert "2 of 6 fusions are not shown here" in page.text and "the cards are the 4 of highest" in page.text


def test_tables_of_another_movie_are_refused(scene):
    frames = scene.tables["frames"].assign(frame=scene.tables["frames"]["frame"] + 50)
    with pytest.raises(InputError, match="table frames names frame 169, the movie has 120 frames"):
        page_of(scene, tables={**scene.tables, "frames": frames})


def test_a_table_that_breaks_its_contract_is_refused(scene):
    with pytest.raises(InputError, match="table events: column kind is missing"):
        page_of(scene, tables={**scene.tables, "events": scene.tables["events"].drop(columns="kind")})


def test_the_file_is_written_at_once_and_the_same_twice(scene, tmp_path):
    given = {"movie": scene.movie, "tables": scene.tables, "params": preset("granule"), "provenance": PROVENANCE}
    path = write_report(tmp_path, **given)
    assert path == tmp_path / "report.html" and [file.name for file in tmp_path.iterdir()] == ["report.html"]
    first = path.read_bytes()
    assert write_report(tmp_path, **given).read_bytes() == first


def test_an_undecodable_file_name_can_be_written(scene, tmp_path):
    movie = scene.movie.with_id("cell\udcff7")
    path = write_report(tmp_path, movie=movie, tables=scene.tables, params=preset("synapse"), provenance=PROVENANCE)
    assert "cell?7" in path.read_text(encoding="utf-8")


def test_a_missing_folder_is_an_output_error(scene, tmp_path):
    with pytest.raises(OutputError, match="could not be written"):
        write_report(tmp_path / "absent", movie=scene.movie, tables={}, params=preset("granule"), provenance={})


def test_reports_written_in_threads_are_the_same(make_scene):
    from concurrent.futures import ThreadPoolExecutor

    scene = make_scene(n_fusions=1, n_docked=8)
    given = {"movie": scene.movie, "tables": scene.tables, "params": preset("granule"), "provenance": PROVENANCE}
    with ThreadPoolExecutor(2) as pool:
        several = list(pool.map(lambda _: render(**given), range(3)))
    assert several == [render(**given)] * 3
