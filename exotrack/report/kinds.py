"""How each kind of event looks: its words, and the class that gives it colour and shape in the page's style.

Colours are Okabe and Ito's (Okabe & Ito 2008, Color Universal Design), and every kind has a shape of its own, so that
nothing is told by colour alone. The shapes are SVG paths in a box of 20 x 20 around the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

from exotrack.tables import FUSION_KINDS


@dataclass(frozen=True)
class Kind:
    """One kind of event: its name in the tables, words for one and for many, SVG path of its mark."""

    name: str
    label: str
    plural: str
    path: str

    @property
    def fusion(self) -> bool:
        """Whether it is a fusion, and so has probabilities and a card."""
        return self.name in FUSION_KINDS


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("full_fusion", "Full fusion", "Full fusions", "M0-8A8 8 0 1 1 0 8A8 8 0 1 1 0-8Z"),
        Kind("kiss_and_run", "Kiss-and-run", "Kiss-and-runs", "M0-9.5L9.5 0L0 9.5L-9.5 0Z"),
        Kind("docking", "Docking", "Dockings", "M-8.5-7H8.5L0 8.5Z"),
        Kind("undocking", "Undocking", "Undockings", "M-8.5 7H8.5L0-8.5Z"),
        Kind("tethering", "Tethering", "Tetherings", "M-7-7H7V7H-7Z"),
    )
}
"""Every kind in the order in which the page lists them: fusions first."""
