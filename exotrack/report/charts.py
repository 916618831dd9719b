"""matplotlib figures as inline SVG that follows the page's light or dark theme.

Figures are drawn with a few marker colours that `to_svg` swaps for the page's CSS variables, and text stays text, so one
drawing serves both themes and costs a few kilobytes. Only matplotlib's object interface is used: no global figure.
"""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, GRID = "#010203", "#020304", "#030405"
FULL, KISS, MODEL = "#040506", "#050607", "#060708"
DOCKED, TETHERED, GREY = "#070809", "#08090a", "#090a0b"
THEME = {INK: "--ink", MUTED: "--muted", GRID: "--grid", FULL: "--full_fusion", KISS: "--kiss_and_run", MODEL: "--model",
         DOCKED: "--docking", TETHERED: "--tethering", GREY: "--other"}  # fmt: skip
"""Marker colour to the variable of the style sheet that it stands for."""
BY_KIND = {"full_fusion": FULL, "kiss_and_run": KISS}

_SAVING = threading.Lock()
"""matplotlib reads how to write text in SVG from its global settings; they are changed under this lock only."""


def axes(width_in: float, height_in: float, x_label: str, y_label: str) -> Axes:
    """Plain axes on a transparent figure of the given size (inches), without the upper and right frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), facecolor="none")
    left, bottom = 0.58 / width_in, 0.42 / height_in
    ax: Axes = figure.add_axes((left, bottom, 0.985 - left, 0.94 - bottom), facecolor="none")
    ax.set_xlabel(x_label, color=MUTED, fontsize=8.5, labelpad=2)
    ax.set_ylabel(y_label, color=MUTED, fontsize=8.5, labelpad=3)
    _plain(ax)
    ax.locator_params(nbins=6)
    return ax


def _plain(ax: Axes) -> None:
    """Grey ticks and grid, no upper and right frame."""
    ax.tick_params(colors=MUTED, labelsize=8, length=3, width=0.6, pad=2)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
        spine.set_linewidth(0.6)
    ax.grid(True, color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)


def residuals(ax: Axes, share: float = 0.27) -> Axes:
    """Axes of residuals in standard errors in the lower `share` of `ax`, which makes room and keeps its label of x for them."""
    box = ax.get_position()
    figure: Any = ax.get_figure(root=True)
    low: Axes = figure.add_axes((box.x0, box.y0, box.width, share * box.height), facecolor="none", sharex=ax)
    ax.set_position((box.x0, box.y0 + (share + 0.06) * box.height, box.width, (0.94 - share) * box.height))
    ax.tick_params(labelbottom=False)
    low.set_xlabel(ax.get_xlabel(), color=MUTED, fontsize=8.5, labelpad=2)
    low.set_ylabel("residual", color=MUTED, fontsize=8.5, labelpad=3)
    ax.set_xlabel("")
    _plain(low)
    low.set(ylim=(-4.5, 4.5), yticks=(-3, 0, 3))
    low.axhline(0, color=MUTED, lw=0.8)
    return low


def to_svg(ax: Axes, uid: str, label: str) -> Markup:
    """The figure of `ax` as an ``<svg>`` element; `uid` makes its ids unique in the page, `label` is its alt text."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    canvas: Any = FigureCanvasSVG(ax.get_figure(root=True))
    with _SAVING, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "exotrack"}):
        canvas.print_svg(buffer, metadata=nothing)
    return Markup(_adopt(buffer.getvalue(), uid, label))


def _adopt(svg: str, uid: str, label: str) -> str:
    """Make a stand-alone SVG file part of the page: unique ids, theme colours, alt text, no fixed size."""
    body = svg[svg.index("<svg") :]
    view = re.search(r'viewBox="[^"]*"', body)
    body = re.sub(r'<g id="[^"]*"', "<g", body[body.index(">") + 1 :])
    body = re.sub(r"\bid=\"", f'id="{uid}-', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{uid}-', body).replace("url(#", f"url(#{uid}-")
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    for colour, variable in THEME.items():
        body = body.replace(colour, f"var({variable})")
    # Two decimals are a 36th of a millimetre; the page names the font; line breaks inside paths are spaces.
    body = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag.group(0)), body)
    body = re.sub(r" font-family: [^;]*;", "", body)
    body = re.sub(r"\s+", " ", body).replace("> <", "><")
    head = f'<svg class="chart" {view.group(0) if view else ""} role="img" aria-label="{escape(label)}">'
    return f"{head}<title>{escape(label)}</title>{body}"
