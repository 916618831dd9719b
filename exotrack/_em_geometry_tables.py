"""Tables of what is reckoned from vesicles and membrane of a micrograph. Part of `exotrack.tables`.

Lengths are in nm unless the name says otherwise; coordinates are (z, y, x), the centre of voxel (0, 0, 0) is 0 nm.
"""

from __future__ import annotations

from exotrack._em_tables import EM_STATES
from exotrack._table import MAYBE_YES_NO, REAL, TEXT, WHOLE, YES_NO, Column, Table

PIT_KINDS = ("omega", "pit")
CAP_SOURCES = ("sizes", "sections", "given")


class Pits(Table):
    """A place where the plasma membrane is drawn into the cell: an omega figure, or a pit without a neck."""

    name = "pits"
    image_id = Column(TEXT, "", "Name of the image.")
    pit_id = Column(WHOLE, "", "Number of the pit in its image, from 1.")
    kind = Column(TEXT, "", "omega if its neck is narrower than 0.9 of its width, else pit.", PIT_KINDS)
    z_nm = Column(REAL, "nm", "Middle of its mouth.")
    y_nm = Column(REAL, "nm", "Middle of its mouth.")
    x_nm = Column(REAL, "nm", "Middle of its mouth.")
    neck_nm = Column(REAL, "nm", "Narrowest width between the mouth and the widest level.")
    mouth_nm = Column(REAL, "nm", "Width of the mouth, where the membrane leaves its course.")
    height_nm = Column(REAL, "nm", "From the mouth to the deepest point, across the mouth.")
    width_nm = Column(REAL, "nm", "Greatest width along the mouth.")
    fwhm_nm = Column(REAL, "nm", "Width at half the height.")
    perimeter_nm = Column(REAL, "nm", "Length of membrane from one side of the mouth to the other.")
    area_nm2 = Column(REAL, "nm^2", "Area between that membrane and the mouth.")


class Dockings(Table):
    """How many vesicles of an image are in a state, against random placement, and per membrane."""

    name = "dockings"
    image_id = Column(TEXT, "", "Name of the image.")
    state = Column(TEXT, "", "The state.", EM_STATES)
    rule_id = Column(TEXT, "", "Rule that gave the state.")
    distance_kind = Column(TEXT, "", "Distance the rule looks at.", ("surface", "centre"))
    resolution_nm = Column(REAL, "nm", "Distance below which the image cannot tell two distances apart.")
    n = Column(WHOLE, "", "Vesicles in the state.")
    fraction = Column(REAL, "1", "Part of all vesicles with a distance.")
    per_um = Column(REAL, "1/um", "Number per length of membrane in the image; of sections only.")
    per_um2 = Column(REAL, "1/um^2", "Number per area of membrane; of volumes only.")
    n_random = Column(REAL, "", "Number expected if the same vesicles were placed at random in the cell.")
    n_random_low = Column(REAL, "", "Lower end of the 95 % range of random placements.")
    n_random_high = Column(REAL, "", "Upper end of that range.")
    excess = Column(REAL, "", "n less n_random.")
    p_random = Column(REAL, "1", "Probability of as many or more by random placement (one-sided, exact for the draws).")
    n_draws = Column(WHOLE, "", "Random placements drawn; 0 if none were asked for.")


class DistanceBins(Table):
    """Vesicles in a range of distances from the membrane, seen and expected by random placement."""

    name = "distance_bins"
    image_id = Column(TEXT, "", "Name of the image.")
    distance_kind = Column(TEXT, "", "Distance that is binned.", ("surface", "centre"))
    from_nm = Column(REAL, "nm", "Lower end of the range.")
    to_nm = Column(REAL, "nm", "Upper end of the range.")
    n = Column(WHOLE, "", "Vesicles seen.")
    n_random = Column(REAL, "", "Number expected by random placement.")
    n_random_low = Column(REAL, "", "Lower end of the 95 % range of random placements.")
    n_random_high = Column(REAL, "", "Upper end of that range.")


class Sizes(Table):
    """Diameters and numbers of an image's vesicles before and after the correction for the thickness of the section."""

    name = "sizes"
    image_id = Column(TEXT, "", "Name of the image.")
    section_nm = Column(REAL, "nm", "Thickness of the section.")
    n_profiles = Column(WHOLE, "", "Profiles that were used.")
    profile_nm = Column(REAL, "nm", "Mean diameter of the profiles as seen.")
    diameter_nm = Column(REAL, "nm", "Mean diameter of the vesicles; missing if it cannot be told.")
    diameter_sd_nm = Column(REAL, "nm", "Standard error of diameter_nm.")
    spread_nm = Column(REAL, "nm", "Standard deviation of the vesicles' diameters.")
    spread_sd_nm = Column(REAL, "nm", "Standard error of spread_nm.")
    cap_deg = Column(REAL, "deg", "Cap angle below which profiles are lost; missing if it cannot be told.")
    cap_low_deg = Column(REAL, "deg", "Lower end of its 95 % interval.")
    cap_high_deg = Column(REAL, "deg", "Upper end of its 95 % interval; 90 if the profiles set none.")
    cap_from = Column(
        TEXT,
        "",
        "What tells the cap angle: sizes of profiles, or sections that show a vesicle.",
        CAP_SOURCES,
        may_be_empty=True,
    )
    overcount = Column(REAL, "1", "Profiles seen per vesicle whose centre lies in the section; missing if it cannot be told.")
    overcount_low = Column(REAL, "1", "Lower end of the 95 % interval of overcount.")
    overcount_high = Column(REAL, "1", "Upper end of the 95 % interval of overcount.")
    n_vesicles = Column(REAL, "", "Vesicles whose centre lies in the section; missing if it cannot be told.")
    n_low = Column(REAL, "", "Lower end of its 95 % interval, counting included.")
    n_high = Column(REAL, "", "Upper end of its 95 % interval, counting included.")
    identifiable = Column(YES_NO, "", "The cap angle can be told from these profiles.")
    reason = Column(TEXT, "", "Why something cannot be told; empty if all can.", may_be_empty=True)
    membrane_per_fusion_um2 = Column(REAL, "um^2", "Area one vesicle of diameter_nm adds to the membrane: pi d^2.")


class Profiles(Table):
    """The part of a simulated vesicle that one section shows (true values)."""

    name = "profiles"
    image_id = Column(TEXT, "", "Name of the image.")
    vesicle_id = Column(WHOLE, "", "The vesicle.")
    section = Column(WHOLE, "", "The section, from 0.")
    y_nm = Column(REAL, "nm", "Centre; the centre of pixel (0, 0) is 0.")
    x_nm = Column(REAL, "nm", "Centre; the centre of pixel (0, 0) is 0.")
    profile_nm = Column(REAL, "nm", "Diameter of the profile.")
    diameter_nm = Column(REAL, "nm", "Diameter of the vesicle.")
    cap_deg = Column(REAL, "deg", "Cap angle: 90 if the equator lies in the section, 0 for the pole.")
    centred = Column(YES_NO, "", "Its centre lies in the section.")
    dist_in_section_nm = Column(REAL, "nm", "From the profile to the membrane in the middle of the section.")
    touches_border = Column(MAYBE_YES_NO, "", "It is cut by the border of the image.")
