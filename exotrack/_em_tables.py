"""The tables of electron micrographs. Part of `exotrack.tables`.

Lengths are in nm. Coordinates are (z, y, x); the centre of voxel (0, 0, 0) is 0 nm. In a single section z is 0.
"""

from __future__ import annotations

from exotrack._table import MAYBE_WHOLE, MAYBE_YES_NO, REAL, TEXT, WHOLE, YES_NO, Column, Table

DIAMETER_KINDS = ("ring", "shell", "disc", "sphere", "area_eq", "volume_eq", "given")
"""What a diameter is of: ring, the outer faces of a membrane seen in one section; shell, the same in a volume; disc, the edge
of a dense core; sphere, profiles of several sections; area_eq or volume_eq, the circle or sphere with as many pixels as the
label; given, read from a file."""
FILLINGS = ("full", "partial", "empty", "unresolved")
EM_STATES = ("docked", "tethered", "proximal", "reserve", "fusing")


class Vesicles(Table):
    """A vesicle in an electron micrograph, in serial sections or in a volume."""

    name = "vesicles"
    image_id = Column(TEXT, "", "Name of the image: the file's stem unless a study says otherwise.")
    vesicle_id = Column(WHOLE, "", "Number of the vesicle in its image, from 1; that of the label image where one was given.")
    backend = Column(TEXT, "", "What found it: ring, shell, disc, labels, points, or the name of an installed backend.")
    score = Column(REAL, "1", "How sure its finder was, from 0 to 1; missing where the finder gives none.")
    z_nm = Column(REAL, "nm", "Centre; the centre of the first section is 0.")
    y_nm = Column(REAL, "nm", "Centre; the centre of pixel (0, 0) is 0.")
    x_nm = Column(REAL, "nm", "Centre; the centre of pixel (0, 0) is 0.")
    diameter_nm = Column(
        REAL, "nm",
        "Outer diameter: through the outer faces of the membrane, where its mean profile, freed of blur and section, ends; or of "
        "the dense core alone. The diameter through its middle is smaller by membrane_nm.",
    )  # fmt: skip
    diameter_kind = Column(TEXT, "", "What the diameter is of.", DIAMETER_KINDS)
    diameter_sd_nm = Column(REAL, "nm", "Standard error of diameter_nm from the scatter of the outline around its circle.")
    membrane_nm = Column(REAL, "nm", "Thickness of the membrane with which the diameter was reckoned: that of all its image.")
    area_nm2 = Column(REAL, "nm^2", "Area of the outline in its section.")
    volume_nm3 = Column(REAL, "nm^3", "Volume of the labelled voxels, or of the sphere.")
    circularity = Column(REAL, "1", "Shortest over longest axis of the outline or label: 1 is round.")
    completeness = Column(REAL, "1", "Fraction of the outline along which a membrane was seen.")
    first_section = Column(MAYBE_WHOLE, "", "First section that shows it, from 0.")
    last_section = Column(MAYBE_WHOLE, "", "Last section that shows it (inclusive).")
    touches_border = Column(YES_NO, "", "It is cut by the border of the image or of the volume.")
    equatorial = Column(MAYBE_YES_NO, "", "The section passes near its equator: its profile is no smaller than most.")
    membrane_intensity = Column(REAL, "counts", "Mean grey value of its membrane.")
    lumen_intensity = Column(REAL, "counts", "Mean grey value of its lumen.")
    background_intensity = Column(REAL, "counts", "Median grey value of the ring around it.")
    core_darkness = Column(
        REAL, "1", "Background less lumen, over the contrast of the image: 0 is as clear as the surroundings, 1 as dark as stain."
    )
    core_darkness_sd = Column(REAL, "1", "Standard error of core_darkness.")
    occupancy = Column(REAL, "1", "Part of the lumen that is filled with dense matter, from 0 to 1.")
    occupancy_sd = Column(REAL, "1", "Standard error of occupancy.")
    filling = Column(TEXT, "", "Class of the occupancy; unresolved if its error, or the cut, does not allow one.", FILLINGS)
    dist_pm_surface_nm = Column(REAL, "nm", "From its outer face to the nearest point of the plasma membrane; 0 is contact.")
    dist_pm_centre_nm = Column(REAL, "nm", "From its centre to the nearest point of the plasma membrane.")
    dist_az_nm = Column(REAL, "nm", "From its outer face to the nearest point of the active zone.")
    closest_z_nm = Column(REAL, "nm", "Point of the plasma membrane that is nearest to it.")
    closest_y_nm = Column(REAL, "nm", "As closest_z_nm, along y.")
    closest_x_nm = Column(REAL, "nm", "As closest_z_nm, along x.")
    nn_dist_nm = Column(REAL, "nm", "From its centre to that of its nearest neighbour.")
    state = Column(TEXT, "", "State by the rule; empty if no membrane was given.", EM_STATES, may_be_empty=True)
    rule_id = Column(TEXT, "", "Rule that gave the state; empty if none was asked for.", may_be_empty=True)
    distance_kind = Column(TEXT, "", "Distance the rule looks at.", ("surface", "centre"), may_be_empty=True)
    resolution_nm = Column(REAL, "nm", "Distance below which the image cannot tell two distances apart.")
