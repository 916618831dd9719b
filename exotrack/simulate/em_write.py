"""A synthetic micrograph on disk: pixels, labels, membrane, true tables, and the parameters that made them."""

from __future__ import annotations

import uuid
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack._em_geometry_tables import Pits, Profiles
from exotrack.io.atomic import atomic_folder
from exotrack.io.results import write_table
from exotrack.params import to_toml
from exotrack.simulate.em_truth import EmTruth
from exotrack.tables import Vesicles

BIG_BYTES = 4_000_000_000
"""Classic TIFF addresses 4 GiB; above this the file is a BigTIFF."""


def write_em(truth: EmTruth, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write a synthetic micrograph, all of it or nothing, and return the folder.

    ``synthetic.tif`` (OME-TIFF that says spacing and contrast), ``labels.tif`` (vesicle numbers), ``membrane.tif`` and
    ``cell.tif`` (0 and 1), the tables ``vesicles``, ``profiles`` and ``pits`` (Parquet and CSV) and ``simulation.toml``.

    Raises `OutputError` if the folder cannot be written, or holds files and `overwrite` is not set.
    """
    with atomic_folder(folder, overwrite) as temporary:
        said = f"synthetic: made by exotrack simulate {truth.params.preset}; membranes are {truth.params.imaging.contrast}"
        write_image(truth.pixels, temporary / "synthetic.tif", truth.spacing_nm, said)
        for name in ("labels", "membrane", "cell"):
            values = getattr(truth, name)
            small = values.astype(np.uint16) if name == "labels" and values.max(initial=0) < 2**16 else values
            write_image(small, temporary / f"{name}.tif", truth.spacing_nm, f"synthetic: true {name}")
        for table in (Vesicles, Profiles, Pits):
            for form in (".parquet", ".csv"):
                write_table(getattr(truth, table.name), table, temporary / f"{table.name}{form}", form)
        (temporary / "simulation.toml").write_text(to_toml(truth.params), encoding="utf-8")
    return Path(folder)


def write_image(pixels: NDArray[Any], path: Path, spacing_nm: tuple[float, float, float], said: str) -> None:
    """Write (y, x) or (z, y, x) pixels as OME-TIFF with their spacing (z, y, x) in nm and a description."""
    import tifffile

    z, y, x = spacing_nm
    # Named after what it shows, so that writing the same image twice gives the same bytes.
    known = uuid.uuid5(uuid.NAMESPACE_OID, f"{said} {pixels.shape} {zlib.crc32(np.ascontiguousarray(pixels).tobytes())}")
    meta: dict[str, Any] = {
        "axes": "YX" if pixels.ndim == 2 else "ZYX", "UUID": str(known), "Description": said, "PhysicalSizeX": x,
        "PhysicalSizeXUnit": "nm", "PhysicalSizeY": y, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": z, "PhysicalSizeZUnit": "nm",
    }  # fmt: skip
    tifffile.imwrite(
        path, pixels, ome=True, bigtiff=pixels.nbytes > BIG_BYTES, compression="zlib", photometric="minisblack",
        resolution=(1e7 / x, 1e7 / y), resolutionunit="CENTIMETER", metadata=meta,
    )  # fmt: skip
