"""A first movie, step by step: ``python workflows/first_movie.py [MOVIE] [FOLDER]``.

Opens a movie (the shipped sample, if none is given), looks at what the file says, analyses it, and asks the tables what a cell
biologist asks: how many, how sure, how fast, how long. Every step works the same in a notebook.
"""

from __future__ import annotations

import sys
from pathlib import Path

import exotrack
from exotrack.params import to_toml

SAMPLE = Path(__file__).parents[1] / "sample_data" / "granule.tif"


def main(movie_path: Path, folder: Path) -> None:
    """Analyse `movie_path` and write its results to `folder`."""
    # 1. Open. Nothing is read yet but the calibration; a movie without one needs pixel_um=... and frame_s=... here.
    movie = exotrack.open_movie(movie_path)
    n, height, width = movie.shape
    print(f"{movie.movie_id}: {n} frames of {height} x {width} pixels of {movie.pixel_um:g} um, {movie.frame_s:g} s apart")
    print(f"pixel size and interval come from {movie.sources['pixel_um']}; {movie.sources['frame_s']}")

    # 2. Choose parameters. Start from what glows, change what differs; to_toml(params) explains each of them.
    params = exotrack.preset("granule").updated({"classify": {"confidence": 0.95}})
    print(f"{len(to_toml(params).splitlines())} lines of parameters and reasons")

    # 3. Analyse, write. The folder gets every table, the parameters, the provenance and report.html.
    result = exotrack.analyse(movie, params)
    result.write(folder, overwrite=True)
    print(f"report: {folder / 'report.html'}")

    # 4. How many? Counts take the winner of each candidate; sums of probabilities need no decision and have no threshold.
    events, candidates = result.events, result.candidates
    print(events.groupby("kind").size().to_string())
    once = candidates[~candidates["reasons"].str.contains("duplicate")]
    for kind in ("full_fusion", "kiss_and_run"):
        print(f"expected number of {kind}: {once[f'p_{kind}'].sum():.1f}")

    # 5. How sure? Confident calls pass the chosen confidence of their own kind.
    fusions = events[events["kind"].isin(["full_fusion", "kiss_and_run"])]
    print(f"{int(fusions['confident'].sum())} of {len(fusions)} fusions are confident")
    print(fusions[["t_s", "y_um", "x_um", "kind", "p_full_fusion", "p_kiss_and_run", "decay_s", "docked_s"]].round(2).to_string())

    # 6. How often? Rates need the area of the cell and the time for which usable frames show it.
    for cell in result.cells.to_dict("records"):
        fused = cell["n_full_fusion"] + cell["n_kiss_and_run"]
        rate = fused / cell["area_um2"] / cell["observed_s"]
        seen = f"{cell['area_um2']:.0f} um^2 in {cell['observed_s']:.1f} s"
        print(f"cell {cell['cell_id']}: {fused} fusions on {seen}, {rate:.4f} per um^2 and s")

    # 7. How long? Docked stays whose beginning was not seen are at least as long as they look: keep them apart.
    docked = result.episodes[result.episodes["state"] == "docked"]
    whole = docked[docked["entry_observed"] & docked["exit_observed"]]
    print(f"{len(docked)} docked stays, {len(whole)} seen from beginning to end, median {whole['duration_s'].median():.1f} s")

    # 8. Come back later: the folder is all that is needed.
    again = exotrack.read_results(folder)
    assert len(again.tables["events"]) == len(events)
    print(f"analysed with exotrack {again.provenance['exotrack']} in {again.provenance['wall_s']:.0f} s")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE,
        Path(sys.argv[2]) if len(sys.argv) > 2 else Path("results") / "first_movie",
    )
