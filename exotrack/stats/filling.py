"""Vesicles in electron micrographs: how many are full, partly empty and empty, image by image.

That cells hold more partly empty vesicles after secretion than before is what release through a transient pore predicts, and
what an image can show of it (Cho et al. 2002, Cell Biol Int 26:29); it cannot show the pore itself. Fixation and the plane of the
section empty vesicles too, so vesicles that the border cuts, or whose filling is not resolved, are not counted, and the
conditions must have been fixed and cut alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exotrack.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

CLASSES = ("full", "partial", "empty")


def counts(vesicles: pd.DataFrame) -> pd.DataFrame:
    """Count the classes of filling.

    Parameters
    ----------
    vesicles : image_id, touches_border and filling of every vesicle.

    Returns
    -------
    A row per image: movie_id (the image), period, n_full, n_partial, n_empty.

    Raises
    ------
    InputError : no vesicle of known filling.
    """
    import pandas as pd

    known = vesicles[vesicles["filling"].isin(CLASSES) & ~vesicles["touches_border"]]
    if known.empty:
        name = vesicles["image_id"].iloc[0] if len(vesicles) else "of these results"
        raise InputError(f"image {name} has no whole vesicle of known filling; leave it out, or see its report for why")
    table = pd.crosstab(known["image_id"], known["filling"]).reindex(columns=list(CLASSES), fill_value=0)
    table = table.reindex(sorted(set(vesicles["image_id"])), fill_value=0)
    found = {f"n_{word}": table[word].to_numpy(float) for word in CLASSES}
    return pd.DataFrame({"movie_id": table.index.to_numpy(), "period": "whole", **found})
