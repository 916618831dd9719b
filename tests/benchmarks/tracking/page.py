"""The results as Markdown: a table of targets, then a table for each section."""

from __future__ import annotations

import math
from typing import Any

from . import blanks, detection, linking, localisation, ours, peers
from .targets import targets

Results = dict[str, dict[str, Any]]
HEAD = """# Benchmarks

Detection, localisation and linking beside the tools a user could pick, measured in one run by
`python tests/benchmarks/detection_linking.py`. Every movie is **synthetic**, drawn by `exotrack simulate` or the code beside the
script; VESICLE-like movies are made like the vesicle scenario of the Particle Tracking Challenge (see
[simulator.md](simulator.md#free-particles)) and are not its data. Speeds are per second of processor time of one thread, after a
warm-up, the best of up to five times if it is short; look at the ratios, which depend less on the machine. The thresholds of the
other tools are tuned for the best F1 on the truth of other frames; exotrack has one set of parameters and sees no truth.
"""
EMPTY = "not measured in this run"


def page(results: Results, missing: dict[str, str]) -> str:
    """docs/benchmarks.md from the sections that were measured and the peers that could not be installed."""
    parts = [HEAD, _machines(results, missing)]
    if any(one["scale"] != "full" for one in results.values()):
        word = ", ".join(sorted({one["scale"] for one in results.values()}))
        parts.insert(1, f"**Made by a {word} run on small movies: it shows that everything works, its figures mean little.**\n")
    parts.append(f"## Targets\n\n{_table(('what', 'target', 'exotrack', 'others in this run', ''), targets(_plain(results)))}")
    for title, name, write in SECTIONS:
        parts.append(f"## {title}\n\n{write(results[name]['result']) if name in results else EMPTY}\n")
    return "\n".join(parts).rstrip() + "\n"


def _plain(results: Results) -> Results:
    return {name: one["result"] for name, one in results.items()}


def _machines(results: Results, missing: dict[str, str]) -> str:
    """Machine, versions and date, once if all sections agree."""
    lines: dict[str, list[str]] = {}
    for name, one in results.items():
        m = one["machine"]
        versions = ", ".join(f"{key} {value or '(not installed)'}" for key, value in m["versions"].items())
        text = (
            f"{m['date']}, {m['processor']}, {m['cores']} cores ({m['system']}), one thread; Python {m['python']}, "
            f"exotrack {m['exotrack']}, {versions}."
        )
        lines.setdefault(text, []).append(name)
    said = [text if len(lines) == 1 else f"* {', '.join(names)}: {text}" for text, names in lines.items()]
    minutes = ", ".join(f"{name} {one['minutes']:.1f}" for name, one in results.items())
    said += [f"\nMinutes: {minutes}."] if minutes else []
    said += [f"\n* **{name} could not be installed**: {why}" for name, why in missing.items()]
    return "\n".join(said) + "\n"


def _table(head: tuple[str, ...], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def score(value: Any) -> str:
    """A score between 0 and 1 with three decimals."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def _absent(row: dict[str, Any], width: int) -> list[str] | None:
    """The cells of a peer that is not there or failed."""
    said = "not installed" if row.get("missing") else row.get("failed")
    return [str(said)] + [""] * (width - 1) if said else None


def _detection(result: dict[str, Any]) -> str:
    head = ("detector", "A: F1", "B: F1", "C: F1", "A: RMSE, px", "B", "C", "frames/s (A)", "MB/s (A)", "speed over trackpy")
    reference = result["rows"].get(peers.TRACKPY_PLAIN, {}).get("A", {}).get("frames_per_s", math.nan)
    rows = []
    for name, row in result["rows"].items():
        cells = _absent(row, 9)
        if cells is None:
            cells = [score(row[w]["f1"]) for w in detection.SEEDS] + [score(row[w]["rmse_px"]) for w in detection.SEEDS]
            cells += [row["A"]["frames_per_s"], row["A"]["mb_per_s"], row["A"]["frames_per_s"] / reference]
        rows.append([name, *cells])
    return (
        "Movies of slow spots (sd 1.3 px, 96 in 512 x 512 pixels) on 100 photons with read noise 2: A at SNR 4, B at SNR 2, C at "
        "SNR 4 on a cell-shaped hump of 40 to 400 photons. A found spot counts within 2 px of a true one; 6 px at the border do "
        f"not count. {result['frames']} frames of A, thresholds of the others tuned on {result['tuning_frames']} other frames. "
        "exotrack's time holds the estimate of the camera's noise, the fit and the table.\n\n" + _table(head, rows)
    )


def _blanks(result: dict[str, Any]) -> str:
    names = list(dict.fromkeys(key for row in result["rows"].values() for key in row))
    ours_names = [f"{rate:g}" for rate in result["rates"]]
    others = [name for name in names if name not in ours_names]
    head = ("frames", *(f"exotrack, stated {name}" for name in ours_names), *(f"{name}" for name in others))
    rows = [[kind, *(row.get(name, "-") for name in [*ours_names, *others])] for kind, row in result["rows"].items()]
    return (
        f"False spots per frame on {result['frames']} frames without a signal ({blanks.PEER_FRAMES} for the others). Only "
        "exotrack lets a rate be stated. The others use the threshold that was best on movie A; where the camera is another one, "
        "that threshold is worth nothing, and no other is known without truth.\n\n" + _table(head, rows)
    )


def _localisation(result: dict[str, Any]) -> str:
    head = ("SNR", "method", "found", "RMSE per axis, px", "over bound", "locking", "of the truth", "KS", "KS p", "z-score SD")
    rows, fits = [], []
    for level, one in result["rows"].items():
        for name, row in one["methods"].items():
            cells: list[Any] | None = _absent(row, 8)
            if cells is None:
                numbers = [score(row[key]) for key in ("rmse_px", "ratio", "locking", "locking_of_truth", "ks", "ks_p")]
                cells = [score(row["found"]), *numbers, score(row["z_sd"]) if "z_sd" in row else "-"]
            rows.append([level, name, *cells])
    for level, one in result["fits"].items():
        mine = one["methods"]["exotrack, fixed width"]["per_s"]
        for name, row in one["methods"].items():
            absent = _absent(row, 5)
            numbers = absent or [
                row["per_s"],
                mine / row["per_s"],
                score(row["rmse_px"]),
                score(row["rmse_px"] / one["bound_px"]),
            ]
            fits.append([level, name, *numbers] if absent else [level, name, *numbers, f"{100 * row['lost']:.1f} %"])
    bounds = ", ".join(f"{one['bound_px']:.3f} px at SNR {level}" for level, one in result["rows"].items())
    text = (
        f"Isolated spots anywhere between pixels, anew in every frame (sd {localisation.SIGMA_PX} px, background 100 photons, "
        f"read noise 2). Cramer-Rao bound per axis: {bounds}. Locking is the amplitude of the first harmonic of the density of "
        "sub-pixel phases (0 even, 2 all alike); KS is the largest distance of their distribution from an even one. At SNR 2 "
        "only the brighter part is found, so the error may lie below the bound. The z-score is the error over the "
        "stated standard error; exotrack estimates the camera's gain from the pixels unless it is told."
    )
    alone = f"The fit alone, on squares of {result['window']} pixels about the true pixel (picasso fits its width, too):"
    fit_head = ("SNR", "fit", "fits/s", "exotrack is faster by", "RMSE per axis, px", "over bound", "failed")
    return f"{text}\n\n{_table(head, rows)}\n{alone}\n\n{_table(fit_head, fits)}"


def _linking(result: dict[str, Any]) -> str:
    head = ("SNR, density", "method", "alpha", "beta", "JSC", "JSC_theta", "RMSE, px", "detection F1", "detect s", "link s")
    rows: list[list[Any]] = []
    for case, methods in result["rows"].items():
        for name, row in methods.items():
            cells: list[Any] | None = _absent(row, 8)
            if cells is None:
                cells = [score(row[key]) for key in ("alpha", "beta", "jsc", "jsc_theta", "rmse_px", "f1")]
                cells += [row["detect_s"], row["link_s"]]
            rows.append([case, name, *cells])
        alpha, beta, rmse = linking.PUBLISHED[case]
        rows.append([case, "*published best, challenge's data*", score(alpha), score(beta), "", "", score(rmse), "", "", ""])
    text = (
        f"VESICLE-like movies of {result['frames']} frames from pixels to tracks, means over {result['movies']} movies; low, mid "
        "and high are 100, 500 and 1,000 particles in 512 x 512 pixels. Given to every method: sd of a spot "
        f"{linking.SIGMA_PX} px, longest step {linking.REACH_PX:g} px (3.5 sd of a step along an axis; "
        f"{linking.OUR_REACH_PX:g} px for exotrack, which weighs steps by how likely they are), gaps of {linking.GAP} "
        f"frames, tracks of at least {linking.LEAST} spots. Measures of Chenouard et al. 2014 with a gate of 5 px. The published "
        "figures are read off its Fig. 2, the best of 13 methods in each measure, and belong to other pixels: those "
        "of the challenge."
    )
    return f"{text}\n\n{_table(head, rows)}"


def _speed(result: dict[str, Any]) -> str:
    head = (
        "linker",
        "perfect: frames/s",
        "alpha",
        "beta",
        "degraded: frames/s",
        "alpha",
        "beta",
        "JSC_theta",
        "exotrack is faster by",
    )
    mine = result["rows"][ours.NAME]["degraded"]["frames_per_s"]
    rows = []
    for name, row in result["rows"].items():
        cells: list[Any] | None = _absent(row, 8)
        if cells is None:
            p, d = row["perfect"], row["degraded"]
            cells = [
                p["frames_per_s"],
                score(p["alpha"]),
                score(p["beta"]),
                d["frames_per_s"],
                score(d["alpha"]),
                score(d["beta"]),
            ]
            cells += [score(d["jsc_theta"]), mine / d["frames_per_s"]]
        rows.append([name, *cells])
    return (
        f"True places of {result['spots_per_frame']:.0f} slow spots a frame (step 0.75 px) as they are, and degraded: 0.15 px of "
        f"jitter, 10 % missed, 5 % false. Longest step {linking.STEP_PX:g} px, gaps of {linking.SLOW_GAP} frames, tracks of "
        f"at least {linking.SLOW_LEAST} spots. laptrack is given the first 100 frames.\n\n" + _table(head, rows)
    )


def _dense(result: dict[str, Any]) -> str:
    rows = []
    for row in result["rows"]:
        times = [_time(row[name]) for name in (ours.NAME, "trackpy.link")]
        rows.append([row["box"], f"{row['step_px']:g}", row["spots"], row["size_px"], *times])
    growth = "; ".join(f"step {step} px: time ~ spots^{value:.2f}" for step, value in result["growth"].items())
    return (
        f"{result['frames']} frames of particles that step 3 or 5 px (root mean square in the plane; search range 8 or 13 px), "
        f"seconds for all. A link that takes over {result['patience_s']:g} s is ended. At constant density exotrack's time "
        f"grows as: {growth}."
        "\n\n" + _table(("", "step, px", "spots a frame", "box, px", "exotrack, s", "trackpy.link, s"), rows)
    )


def _time(row: dict[str, Any]) -> str:
    if "seconds" in row:
        return f"{row['seconds']:.2f}"
    return "not installed" if row.get("missing") else row["failed"].partition(":")[0]


SECTIONS = (
    ("Detection", "detection", _detection),
    ("False spots", "blanks", _blanks),
    ("Localisation", "localisation", _localisation),
    ("Linking, from pixels to tracks", "linking", _linking),
    ("Linking given spots", "speed", _speed),
    ("Dense data", "dense", _dense),
)
"""Title, name of the results, and what writes them."""
