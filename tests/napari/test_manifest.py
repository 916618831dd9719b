"""What the plugin promises napari, and that each promise resolves."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from npe2 import PluginManager, PluginManifest

import napari_exotrack
from napari_exotrack._keys import KEYS

MANIFEST = Path(napari_exotrack.__file__).with_name("napari.yaml")


def test_the_manifest_is_valid_and_every_command_can_be_imported() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "exotrack"
    assert manifest.package_version is None or manifest.package_version == metadata.version("exotrack")


def test_napari_finds_the_plugin_under_the_name_of_the_distribution() -> None:
    assert PluginManifest.from_distribution("exotrack").name == "exotrack"


def test_movies_and_results_folders_are_claimed_and_nothing_else(tmp_path: Path) -> None:
    manager = PluginManager()
    manager.register(PluginManifest.from_file(MANIFEST))

    def readers(path: Path) -> list[str]:
        return sorted(reader.command for reader in manager.iter_compatible_readers([str(path)]))

    assert readers(tmp_path / "table.csv") == []
    assert readers(tmp_path / "movie.ome.tif") == ["exotrack.read_movie"]
    assert readers(tmp_path) == ["exotrack.read_movie", "exotrack.read_results"]


def test_every_command_is_offered_somewhere() -> None:
    contributions = PluginManifest.from_file(MANIFEST).contributions
    kinds = (contributions.readers, contributions.writers, contributions.sample_data, contributions.widgets)
    offered = {entry.command for kind in kinds for entry in kind or []}
    assert {command.id for command in contributions.commands or []} == offered


def test_every_dock_is_in_a_menu_of_napari() -> None:
    contributions = PluginManifest.from_file(MANIFEST).contributions
    listed = {item.command for items in contributions.menus.values() for item in items}
    assert listed == {widget.command for widget in contributions.widgets or []}


def test_preferences_are_those_that_are_asked_for() -> None:
    declared = PluginManifest.from_file(MANIFEST).contributions.configurations
    sources = "".join(path.read_text(encoding="utf-8") for path in MANIFEST.parent.glob("*.py"))
    asked = set(re.findall(r'preference\("(\w+)", "(\w+)"', sources))
    assert asked == {(page, name) for page, one in declared.items() for name in one.properties}


def test_keys_are_letters_that_no_layer_uses() -> None:
    from napari.layers import Image, Labels, Points, Shapes, Tracks, Vectors

    taken = {str(key) for layer in (Image, Labels, Points, Shapes, Tracks, Vectors) for key in layer.class_keymap}
    assert taken.isdisjoint({key.letter for key in KEYS})
    assert len({key.letter for key in KEYS}) == len(KEYS)
    page = (Path(__file__).parents[2] / "docs" / "plugin.md").read_text(encoding="utf-8")
    assert all(re.search(rf"^\|[^|]*\b{key.letter}\b[^|]*\|", page, re.MULTILINE) for key in KEYS)
