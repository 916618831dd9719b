"""What not to believe of the fits of a comparison, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exotrack.kinetics.identifiable import in_micrograph, unvaried
from exotrack.kinetics.subject import Subject
from exotrack.kinetics.verdict import Verdict


def said(found: Mapping[str, Verdict]) -> list[str]:
    """What not to believe of the fits."""
    notes = []
    for name, one in found.items():
        # What is faster than a frame is told by the rate it acts at, in the table of rates, and not by the value alone.
        notes += [f"{name}: {note}" for note in one.fit.notes if "faster than a frame" not in note]
        still = unvaried(one.subject)
        if still:
            level = one.subject.model.given({}, one.subject.inputs)
            words = ", ".join(f"{key} ({level[key]:g} {one.subject.model.inputs[key].unit})" for key in still)
            notes.append(
                f"{name}: {words} never varied in these movies: rates that depend on it are effective ones, and how they depend "
                "on it is not identified"
            )
        notes += [f"{name}: {note}" for note in _beside(one.subject)]
        doubtful = [key for key in one.subject.model.unverified if key not in one.subject.values]
        if doubtful:
            notes.append(f"{name}: from memory and UNVERIFIED: {', '.join(doubtful)}")
    return notes


def _beside(about: Subject) -> Iterator[str]:
    """What was fitted beside the model, or held although nobody claims a value for it."""
    if about.undocking:
        yield (
            "the model knows no undocking, which was seen: a constant rate of undocking was added and fitted, as undock_per_s; "
            "it is no part of the model"
        )
    if about.visitors:
        yield (
            "visitors, a share of those that dock, only leave again, at visitors_leave_per_s; the model's own rates, mean_docked "
            "and the fates that follow are those of the others"
        )
    if about.micrograph is None:
        return
    known = about.model.parameters
    held = in_micrograph(about.alone(), [key for key in known if key not in {f.name for f in about.free}])
    guessed = sorted(key for key in held if known[key].evidence == "F" and key not in about.values)
    if guessed:
        yield (
            f"the shares of the micrographs also depend on {', '.join(guessed)}, held at starts that nobody claims: give them "
            "with --set, or fit one of them with --free"
        )
    gone = about.micrograph.left_out
    if gone:
        words = ", ".join(f"{n} {kind or 'without a state'}" for kind, n in gone.items())
        yield f"of the vesicles in micrographs some are of no class that a movie tells and are left out: {words}"
    if about.micrograph.snapshot.design_effect > 1:
        yield (
            f"the counts of micrographs vary {about.micrograph.snapshot.design_effect:.2g} times as much between images as those "
            "of independent vesicles, and count for as much less"
        )
