"""JSON that any reader takes."""

from __future__ import annotations

import json
import math
import os

from exotrack.io.plain import to_json


def test_numbers_that_are_not_finite_become_null() -> None:
    assert json.loads(to_json({"a": [1.5, math.nan, {"b": (math.inf, 2)}]})) == {"a": [1.5, None, {"b": [None, 2]}]}


def test_a_name_that_is_no_text_comes_back_as_it_was() -> None:
    name = os.fsdecode(b"cell_\xff.tif")
    written = to_json({"path": name, "unit": "µm"})
    assert written.decode("utf-8").count("µm") == 1
    assert json.loads(written) == {"path": name, "unit": "µm"}
