"""The pictures of the guide: all are named, all are shown, and the script that made them makes them again."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

import numpy as np
import pytest
from sources import ROOT

DOCS = ROOT / "docs"
MOST_BYTES = 1_500_000
OTHERS = ("pictures/tutorial_", "pictures/plugin_")
"""Pictures of screens, by docs/tutorial_pictures.py and docs/plugin_pictures.py."""
NAMED = re.compile(r"!\[([^\]]*)\]\((pictures/[^)]+)\)")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """docs/pictures.py as a module; its neighbours are found while it is imported."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("pictures")
    finally:
        sys.path.remove(str(DOCS))


def shown() -> dict[str, str]:
    """Every picture that a page shows, with its words."""
    return {path: words for page in DOCS.glob("*.md") for words, path in NAMED.findall(page.read_text(encoding="utf-8"))}


def test_every_picture_is_made_by_the_script_and_shown_in_the_guide(script: ModuleType) -> None:
    files = {f"pictures/{path.name}" for path in (DOCS / "pictures").iterdir()}
    assert {path for path in files if not path.startswith(OTHERS)} == {f"pictures/{name}.png" for name in script.PICTURES}
    assert shown().keys() == files


def test_pictures_say_in_words_what_they_show_and_stay_small() -> None:
    assert [path for path, words in shown().items() if len(words) < 30] == []
    assert sum(path.stat().st_size for path in (DOCS / "pictures").iterdir()) < MOST_BYTES


def test_a_picture_bears_the_name_and_seed_it_was_made_with(script: ModuleType) -> None:
    from PIL import Image

    for name, picture in script.PICTURES.items():
        with Image.open(DOCS / "pictures" / f"{name}.png") as image:
            assert image.info["Source"] == f"docs/pictures.py {name}, seed {picture.scene.seed}"
            assert image.width == 1032


@pytest.mark.parametrize("name", ["full_fusion_membrane"])
def test_the_script_makes_the_same_picture_again(script: ModuleType, name: str, tmp_path) -> None:
    from PIL import Image

    with Image.open(script.write(name, tmp_path)) as again, Image.open(DOCS / "pictures" / f"{name}.png") as kept:
        assert again.size == kept.size
        apart = np.abs(np.asarray(again.convert("L"), float) - np.asarray(kept.convert("L"), float))
    # Letters may be drawn a little otherwise elsewhere; frames, points and lines are the same.
    assert np.mean(apart > 40) < 0.01


def test_a_picture_of_another_event_is_refused(script: ModuleType) -> None:
    picture = script.PICTURES["full_fusion_membrane"]
    with pytest.raises(ValueError, match="the picture is of"):
        script.Picture(picture.scene, picture.draw, ("kiss_and_run",)).figure()
