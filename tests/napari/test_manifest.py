"""What the plugin promises napari, and that each promise resolves."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from npe2 import PluginManager, PluginManifest

import napari_exotrack

MANIFEST = Path(napari_exotrack.__file__).with_name("napari.yaml")


def test_the_manifest_is_valid_and_every_command_can_be_imported() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "exotrack"
    assert manifest.package_version is None or manifest.package_version == metadata.version("exotrack")


def test_napari_finds_the_plugin_under_the_name_of_the_distribution() -> None:
    assert PluginManifest.from_distribution("exotrack").name == "exotrack"


def test_nothing_but_results_folders_is_claimed(tmp_path: Path) -> None:
    manager = PluginManager()
    manager.register(PluginManifest.from_file(MANIFEST))
    assert list(manager.iter_compatible_readers([str(tmp_path / "movie.tif")])) == []
    assert [reader.command for reader in manager.iter_compatible_readers([str(tmp_path)])] == ["exotrack.read_results"]


def test_every_command_is_offered_somewhere() -> None:
    contributions = PluginManifest.from_file(MANIFEST).contributions
    offered = {entry.command for entry in [*(contributions.readers or []), *(contributions.sample_data or [])]}
    assert {command.id for command in contributions.commands or []} == offered
