"""The viewer on one side of a review: goes to what is chosen, tells what was clicked, colours what was decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.movie import Movie
from exotrack.report.numbers import missing
from napari_exotrack._background import Background
from napari_exotrack._colours import palette
from napari_exotrack._convert import COLOURS, SIZE_UM, SYMBOLS
from napari_exotrack._journal import NO_EVENT
from napari_exotrack._mouse import on_click
from napari_exotrack._opened import KEY, Opened, rows_of
from napari_exotrack._pick import Click, Finder
from napari_exotrack._review import Review
from napari_exotrack._selection import Selection

CHOSEN, CHOSEN_TRACK, PROJECTION = "chosen event", "chosen track", "all times (brightest)"
PROJECTED_FRAMES = 200


class ViewerLink:
    """Ties `selection` to the viewer for as long as it is not `cut`.

    Nothing of the event and track layers is rebuilt by choosing; what is chosen lies in two small layers of its own.
    """

    def __init__(self, viewer: Any, opened: Opened, review: Review, selection: Selection) -> None:
        self.viewer, self.opened, self.review, self.selection = viewer, opened, review, selection
        self._placed = opened.placed(review.events).reset_index(drop=True)
        self._row = {int(event): row for row, event in enumerate(self._placed["event_id"])}
        self._tracks = opened.in_picture("tracks").sort_values(["track_id", "frame"], kind="stable")
        self._finder = Finder(self._placed, self._tracks, opened.place.frame_s)
        self._names: dict[Any, str] = {}
        self.background = Background()
        self.shown: NDArray[np.bool_] = np.ones(len(self._placed), bool)
        self.to_place: Callable[[int, float, float], None] | None = None
        self._fill()
        self._pressed = on_click(self.click)
        viewer.mouse_drag_callbacks.append(self._pressed)
        selection.hearers.append(self.follow)
        review.changed.append(self._decided)
        self.colour()

    def cut(self) -> None:
        """Let go of the viewer and take the layers of the choice away."""
        self.background.close()
        if self._pressed in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._pressed)
        self.selection.hearers.remove(self.follow)
        self.review.changed.remove(self._decided)
        for name in (CHOSEN, CHOSEN_TRACK, PROJECTION):
            if (layer := self._own(name)) is not None:
                self.viewer.layers.remove(layer)

    @property
    def events(self) -> Any:
        """The layer of events, or None where somebody removed it."""
        return next((layer for layer in self._layers() if layer.name.startswith("events")), None)

    def follow(self, selection: Selection) -> None:
        """Go to what is chosen, in time and place, and mark it."""
        if selection.event_id is not None:
            at = self._placed.iloc[self._row[selection.event_id]]
            self.go(int(at["frame"]), float(at["y_um"]), float(at["x_um"]))
            self._mark(at)
        elif (layer := self._own(CHOSEN)) is not None:
            layer.visible = False
        self._mark_track(selection.track_id)

    def go(self, frame: int, y_um: float, x_um: float) -> None:
        """Show a frame, with a place in the middle."""
        axis = self.viewer.dims.ndim - 3
        # A whole number of steps: reckoned in seconds, rounding could land a frame beside it.
        self.viewer.dims.set_current_step(axis, self._step(axis, frame))
        seen = camera(self.viewer)
        seen.center = (*seen.center[:-2], y_um, x_um)

    def _step(self, axis: int, frame: int) -> int:
        first, _, step = self.viewer.dims.range[axis]
        return round((frame * self.opened.place.frame_s - first) / step)

    @property
    def frame(self) -> int:
        """The frame that the viewer shows."""
        return round(float(self.viewer.dims.point[self.viewer.dims.ndim - 3]) / self.opened.place.frame_s)

    def list_only(self, shown: NDArray[np.bool_]) -> None:
        """Show the events that pass the filter."""
        self.shown = shown
        if self.events is not None:
            self.events.shown = shown

    def show_within(self, slack_s: float) -> None:
        """Show events up to `slack_s` before and after the time of the frame; infinity shows all."""
        dims = self.viewer.dims
        axis = dims.ndim - 3
        first, last, _ = dims.range[axis]
        margin = list(dims.margin_left)
        margin[axis] = min(slack_s, last - first + 1.0)
        dims.margin_left = dims.margin_right = tuple(margin)

    def project(self, wanted: bool) -> None:
        """Lay the brightest of up to 200 frames over the movie, with the events of all times."""
        layer = self._own(PROJECTION)
        if layer is not None:
            layer.visible = wanted
        elif wanted and self.opened.movie is not None:
            movie = self.opened.movie
            self.background.ask(lambda: brightest(movie), self._projected)
        self.show_within(np.inf if wanted else 0.0)

    def _projected(self, picture: Any) -> None:
        if isinstance(picture, Exception):
            return  # a movie that cannot be read says so in the dock already
        arguments = self.opened.place.arguments(PROJECTION, "yx") | {"colormap": "gray", "metadata": {KEY: self.opened}}
        low, high = (float(value) for value in np.nanpercentile(picture, [1.0, 99.8]))
        layer = self.viewer.add_image(picture, contrast_limits=(low, max(high, low + 1)), **arguments)
        self.viewer.layers.move(self.viewer.layers.index(layer), self._above_movie())
        self._return_to_events()

    def _fill(self) -> None:
        """Bring the layer to the events of the review: those that the rater added are in it."""
        layer = self.events
        if layer is not None and list(layer.features.get("event_id", [])) != list(self._row):
            layer.selected_data = set()
            layer.data = self.opened.place.points(self._placed)
            layer.features = self.review.events
            layer.size = SIZE_UM / self.opened.place.pixel_um

    def colour(self) -> None:
        """Colour every event: by its call, by the decision where there is one, all alike where the call is hidden."""
        layer = self.events
        if layer is None:
            return
        # napari shows the features of what the mouse is over.
        layer.features = self.review.events[["event_id"]] if self.review.blind else self.review.events
        if not len(self._row):
            return
        looks = [self._look(event) for event in self._row]
        layer.border_color = np.array([_rgba(colour) for colour, _ in looks])
        layer.symbol = [symbol for _, symbol in looks]
        self._rename()

    def _decided(self, event_id: int) -> None:
        layer = self.events
        if layer is None:
            return
        row = self._row[event_id]
        colour, symbol = self._look(event_id)
        # In place: setting all of them again takes a third of a second for ten thousand events.
        layer.border_color[row] = _rgba(colour)
        layer.symbol[row] = type(layer.current_symbol)(symbol)
        layer.refresh(extent=False)

    def _look(self, event_id: int) -> tuple[str, str]:
        said = self.review.decisions.get(event_id, "")
        if said == NO_EVENT:
            return palette(dark=True)["muted"], "x"
        if not said and self.review.blind:
            return palette(dark=True)["ink"], "disc"
        kind = said or self.review.call(event_id)
        return COLOURS[kind], SYMBOLS[kind]

    def _rename(self) -> None:
        """The name of a movie often tells its condition."""
        for layer in self._layers():
            if self.review.blind and layer.name == self.opened.name:
                self._names[layer] = layer.name
                layer.name = "movie"
        if not self.review.blind:
            for layer, name in self._names.items():
                layer.name = name
            self._names.clear()

    def _mark(self, at: Any) -> None:
        place = self.opened.place
        data = np.array([[at["frame"], at["y_um"] / place.pixel_um, at["x_um"] / place.pixel_um]], float)
        layer = self._own(CHOSEN)
        if layer is None:
            layer = self.viewer.add_points(
                data, **place.arguments(CHOSEN), face_color="transparent", border_color="white", border_width=0.06,
                size=1.7 * SIZE_UM / place.pixel_um, symbol="disc", metadata={KEY: self.opened},
            )  # fmt: skip
            self._return_to_events()
        layer.data, layer.visible = data, True

    def _mark_track(self, track_id: int | None) -> None:
        layer = self._own(CHOSEN_TRACK)
        rows = None if track_id is None else rows_of(self._tracks, "track_id", track_id)
        if rows is None or len(rows) < 2:  # napari draws no track of one spot
            if layer is not None:
                layer.visible = False
            return
        data = np.column_stack([np.ones(len(rows)), self.opened.place.points(rows)])
        if layer is None:
            layer = self.viewer.add_tracks(
                data, **self.opened.place.arguments(CHOSEN_TRACK), tail_length=300, head_length=300, tail_width=3, opacity=0.9,
                colormap="gray", metadata={KEY: self.opened},
            )  # fmt: skip
            self._return_to_events()
        layer.data, layer.visible = data, True

    def _return_to_events(self) -> None:
        if self.events is not None:
            self.viewer.layers.selection.active = self.events

    def _own(self, name: str) -> Any:
        return next((layer for layer in self.viewer.layers if layer.name == name), None)

    def _layers(self) -> list[Any]:
        return [layer for layer in self.viewer.layers if layer.metadata.get(KEY) is self.opened]

    def _above_movie(self) -> int:
        names = [layer.name for layer in self.viewer.layers]
        return names.index(self.opened.name) + 1 if self.opened.name in names else 0

    def click(self, viewer: Any, event: Any) -> None:
        """Choose the event, or else the track, at the place of a mouse event; elsewhere the choice stays."""
        at = np.asarray(event.position, float)[-3:]
        if self.to_place is not None and viewer.dims.ndisplay == 2:
            self.to_place(self.frame, float(at[1]), float(at[2]))
            return
        towards = None
        if viewer.dims.ndisplay == 3 and event.view_direction is not None:
            towards = np.asarray(event.view_direction, float)[-3:]
        slack = float(viewer.dims.margin_left[viewer.dims.ndim - 3])
        click = Click(at, towards, slack, 1.0 / max(float(camera(viewer).zoom), 1e-9))
        chosen = self._finder.event(click, self.shown)
        if chosen is not None:
            self.selection.choose(chosen, self.track_of(chosen))
            return
        track = self._finder.track(click)
        if track is not None:
            self.selection.choose(self._event_of(track, float(at[0])), track)

    def has(self, event_id: int) -> bool:
        """Whether there is such an event: one that was added is gone once that is undone."""
        return event_id in self._row

    def track_at(self, frame: int, y_um: float, x_um: float) -> int | None:
        """The track at a place in a frame, or None."""
        at = np.array([frame * self.opened.place.frame_s, y_um, x_um])
        return self._finder.track(Click(at, None, 0.0, 0.0))

    def track_of(self, event_id: int) -> int | None:
        """The track of an event, or None."""
        track = self._placed["track_id"].iloc[self._row[event_id]]
        return None if missing(track) else int(track)

    def _event_of(self, track: int, t_s: float) -> int | None:
        """The event of a track that is nearest in time, or None."""
        own = self._placed[(self._placed["track_id"] == track).fillna(False).to_numpy(bool) & self.shown]
        if own.empty:
            return None
        return int(own["event_id"].iloc[int((own["frame"] * self.opened.place.frame_s - t_s).abs().to_numpy().argmin())])


def camera(viewer: Any) -> Any:
    """The viewer's camera; since napari 0.9 it belongs to the scene."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def brightest(movie: Movie) -> NDArray[Any]:
    """(height, width) brightest of up to `PROJECTED_FRAMES` frames, evenly spaced, read one at a time."""
    picked = np.unique(np.linspace(0, len(movie) - 1, min(PROJECTED_FRAMES, len(movie))).round().astype(int))
    highest: NDArray[Any] = movie[int(picked[0])].copy()
    for frame in picked[1:]:
        highest = np.fmax(highest, movie[int(frame)])
    return highest


def _rgba(colour: str) -> tuple[float, float, float, float]:
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue, 1.0
