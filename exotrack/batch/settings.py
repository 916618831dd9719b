"""What a study file may say: every setting declared once, unknown names refused. Nothing here is about speed."""

from __future__ import annotations

from typing import Any

from exotrack._settings import Params, setting

SCHEMES = ("file", "s3", "gs", "gcs", "az", "abfs", "http", "https", "sftp", "memory")
"""Kinds of address that movies and results may have; each but the first needs its own fsspec package."""


class Opening(Params):
    """How a movie is opened, as the options of ``exotrack run``. In the table of movies a column of the same name wins."""

    pixel_um: float | None = setting(None, "um", "Side of a pixel; wins over the file. Default: the file's.", gt=0)
    frame_s: float | None = setting(None, "s", "Time between frames; wins over the file. Default: the file's.", gt=0)
    channel: int | str | None = setting(None, "", "Number (from 0) or name of the channel. Default: the only one.")
    series: int | None = setting(None, "", "Which image of the file, from 0. Default: the only one.", ge=0)
    axes: str | None = setting(None, "", "Letters of the stored axes, such as TYX. Default: the file's.", max_length=12)
    allow_partial: bool | None = setting(None, "", "Use the whole frames of a truncated file. Default: it is refused.")
    mask: str | None = setting(None, "", "Image of cell numbers, 0 outside. Default: the footprint is estimated.")
    marker_channel: int | str | None = setting(None, "", "A second channel, measured at each vesicle. Default: none.")


class Movies(Params):
    """Where the movies are: `table` or `pattern`."""

    table: str | None = setting(None, "", "CSV file beside the study with a column `path`. Default: none, `pattern` is used.")
    pattern: str | None = setting(
        None, "", "Paths with named parts, such as {condition}/{animal}/{cell}.tif, each a column of the design. Default: none."
    )
    root: str = setting(
        ".", "", "Folder or URL below which all movies and masks lie; relative paths start here. Default: the study's own "
        "folder, so that a study from elsewhere cannot reach other files.",
    )  # fmt: skip


class StudyFile(Params):
    """A study file: TOML."""

    preset: str | None = setting(None, "", "What glows. Default: the preset that `params` names.")
    params: str | None = setting(None, "", "TOML file of parameters beside the study, over the preset. Default: none.")
    movies: Movies = Movies()
    open: Opening = Opening()
    analysis: dict[str, Any] = setting({}, "", "Single parameters by stage, over preset and file. Default: none.")
