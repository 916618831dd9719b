"""The page of a micrograph shows what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from exotrack.em.geometry import describe
from exotrack.em.membrane import Membrane
from exotrack.em.omega import chains
from exotrack.em.states import RULES
from exotrack.errors import InputError
from exotrack.report.em import write_em_report
from exotrack.simulate import em_simulation, simulate_em
from exotrack.tables import Vesicles


def test_the_page_holds_vesicles_states_distances_and_corrections(tmp_path: Path) -> None:
    changes = {"field": {"height_px": 400, "width_px": 500}, "vesicles": {"per_um3": 1500.0}}
    truth = simulate_em(em_simulation("em").updated(changes), np.random.default_rng(2))
    membrane = Membrane.from_mask(truth.cell, (1.5, 1.5), "cell")
    seen = truth.vesicles.assign(diameter_nm=truth.vesicles["profile_nm"], z_nm=0.0)
    found = describe(seen, membrane, "tomography", cell=truth.cell, spacing_nm=(1.5, 1.5), section_nm=50.0, draws=19)
    path = write_em_report(
        tmp_path, image_id="bouton <1>", pixels=truth.pixels, spacing_nm=truth.spacing_nm, tables=found,
        lines_nm=chains(membrane.vertices, membrane.faces), rule=RULES["tomography"].describe(), notes=["Synthetic."],
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert "bouton &lt;1&gt;" in text
    states = found["vesicles"]["state"].value_counts()
    for state, n in states.items():
        assert len(re.findall(rf'<circle class="{state}"', text)) == n
    assert text.count('<svg class="chart"') == 2
    assert "kiss-and-run cannot be told" in text
    assert "by chance" in text
    assert "Synthetic." in text
    # The first vesicle's circle is where the table says, in pixels.
    row = found["vesicles"].iloc[0]
    assert f'cx="{row["x_nm"] / 1.5:.1f}" cy="{row["y_nm"] / 1.5:.1f}" r="{row["diameter_nm"] / 3:.1f}"' in text


def test_a_page_without_a_membrane_says_so(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80)).astype(np.uint8)
    text = write_em_report(tmp_path, image_id="bare", pixels=pixels, spacing_nm=(50, 2, 2), tables={}).read_text("utf-8")
    assert "No membrane was given" in text
    assert "0 vesicles" in text


def test_what_is_no_section_or_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pixels have 3 axes"):
        write_em_report(tmp_path, image_id="x", pixels=np.zeros((3, 4, 5)), spacing_nm=(1, 1, 1), tables={})
    broken = {"vesicles": Vesicles.empty().drop(columns="state")}
    with pytest.raises(InputError, match="column state is missing"):
        write_em_report(tmp_path, image_id="x", pixels=np.zeros((4, 5)), spacing_nm=(1, 1, 1), tables=broken)
    assert not list(tmp_path.iterdir())
