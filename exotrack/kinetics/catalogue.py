"""The catalogue of reference models: what a model is, which there are, and how one is found by name or file.

A model is a set of states of one vesicle with rates between them, where each number comes from and how well it is known,
what a camera sees of each state, and golden numbers that must come out. The catalogue's models are the TOML files in
``models/``; a user's own TOML, or first-order SBML or Antimony, becomes the same `Model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from exotrack._settings import nearest
from exotrack._table import EVENT_KINDS
from exotrack.errors import InputError, ParameterError
from exotrack.kinetics._grammar import Node

HERE = Path(__file__).parent / "models"
EVIDENCE = {
    "A": "read in code that the paper's own authors deposited",
    "S": "read in somebody else's implementation, not in the paper",
    "P": "read in the paper's abstract, an excerpt or a figure legend",
    "C": "computed from other numbers here",
    "F": "no published value is claimed; a start for fitting",
    "M": "UNVERIFIED: from memory, not checked against the paper",
    "U": "given by the user",
}
"""How well a number is known."""
STAY_ENDS = ("undocking", "full_fusion", "kiss_and_run", "bleaching", "lost")
"""Events that end a docked stay."""
EVENTS = (*EVENT_KINDS, "bleaching", "lost", "priming", "unpriming", "closing", "release", "retrieval")
"""What a transition may be called: those of the Events table, and what a camera does not see as an event."""


@dataclass(frozen=True)
class Parameter:
    """A number of a model.

    value, lower, upper : in `unit`; what a fit may try lies between the two.
    fitted : a fit changes it unless told otherwise.
    evidence : a key of `EVIDENCE`. source : where it was read.
    """

    name: str
    value: float
    unit: str
    lower: float
    upper: float
    fitted: bool
    evidence: str
    source: str
    about: str

    @property
    def unverified(self) -> bool:
        """The value is from memory."""
        return self.evidence == "M"


@dataclass(frozen=True)
class Input:
    """What drives a model from outside: calcium, ATP, voltage. `value` holds where nothing else is given."""

    name: str
    value: float
    unit: str
    about: str


@dataclass(frozen=True)
class State:
    """A state of a vesicle.

    seen : ``docked``, ``tethered`` or ``mobile`` if a camera shows a vesicle there, else empty.
    open : a fusion pore is open, so cargo leaves. initial : vesicles per cell at the start.
    """

    name: str
    seen: str
    initial: float
    about: str
    open: bool = False


@dataclass(frozen=True)
class Transition:
    """A first-order step from `source` to `target` at `rate` (1/s), or an arrival from outside (`source` empty; per cell and s).

    `target` is empty if the vesicle leaves the model. `size` is the mean number that arrive together.
    """

    source: str
    target: str
    rate: Node
    event: str = ""
    size: Node | None = None

    @property
    def words(self) -> str:
        """``D -> P``."""
        return f"{self.source or '()'} -> {self.target or '()'}"


@dataclass(frozen=True)
class Drive:
    """An input that follows an equation of its own, d(name)/dt = `rate`, whatever the vesicles do (calcium under a membrane)."""

    name: str
    rate: Node
    initial: float


@dataclass(frozen=True)
class Golden:
    """A number that must come out of the model: `what` of `of`, under `inputs` and `values`, is `value` to a part `within`."""

    what: str
    of: str
    value: float
    within: float
    source: str
    inputs: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    start: str = ""
    via: str = ""
    time_s: float = 0.0


@dataclass(frozen=True)
class Release:
    """Cargo and membrane: how a pore empties a vesicle, and what a fusion adds to the cell.

    Each is the name of a parameter, or empty: tau_s, time constant (s) of release through an open pore; refill_per_s, of
    filling afterwards; diameter_nm of a vesicle. spent : state an emptied vesicle goes to when its pore closes, or empty.
    """

    tau_s: str = ""
    refill_per_s: str = ""
    diameter_nm: str = ""
    spent: str = ""


@dataclass(frozen=True)
class Model:
    """A kinetic model. All times in s; see the classes above for its parts.

    stay : what is seen of the states that together make the stay whose length is compared with data.
    """

    id: str
    title: str
    about: str
    reference: str
    status: str
    parameters: Mapping[str, Parameter]
    inputs: Mapping[str, Input]
    derived: Mapping[str, Node]
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]
    drives: tuple[Drive, ...] = ()
    golden: tuple[Golden, ...] = ()
    notes: tuple[str, ...] = ()
    stay: tuple[str, ...] = ("docked",)
    release: Release = Release()

    @property
    def values(self) -> dict[str, float]:
        """Value of every parameter."""
        return {key: one.value for key, one in self.parameters.items()}

    @property
    def fitted(self) -> tuple[str, ...]:
        """Parameters that a fit changes."""
        return tuple(key for key, one in self.parameters.items() if one.fitted)

    @property
    def unverified(self) -> tuple[str, ...]:
        """Parameters whose values are from memory; name them wherever the model is used."""
        return tuple(key for key, one in self.parameters.items() if one.unverified)

    @property
    def names(self) -> tuple[str, ...]:
        """States in order: the rows and columns of every matrix."""
        return tuple(state.name for state in self.states)

    def state(self, name: str) -> int:
        """Number of the state `name`; `InputError` if there is none."""
        if name not in self.names:
            raise InputError(f"model {self.id}: no state {name!r}{nearest(name, self.names)}; it has {', '.join(self.names)}")
        return self.names.index(name)

    def given(self, values: Mapping[str, float] | None = None, inputs: Mapping[str, float] | None = None) -> dict[str, float]:
        """Every parameter and input by name, those in `values` and `inputs` replaced; unknown names are a `ParameterError`."""
        space = self.values | {key: one.value for key, one in self.inputs.items()}
        for kind, known, more in (("parameter", self.parameters, values), ("input", self.inputs, inputs)):
            for key, value in (more or {}).items():
                if key not in known:
                    raise ParameterError(
                        f"model {self.id}: no {kind} {key!r}{nearest(key, known)}; it has {', '.join(known) or 'none'}"
                    )
                space[key] = float(value)
        return space

    def changed(self, values: Mapping[str, float]) -> Model:
        """The same model with other values; they count as the user's from then on."""
        self.given(values)
        new = {
            key: replace(one, value=float(values[key]), evidence="U", source="given") if key in values else one
            for key, one in self.parameters.items()
        }
        return replace(self, parameters=new)


def models() -> tuple[str, ...]:
    """Names of the catalogue's models; the first is the default to fit."""
    found = sorted(path.stem for path in HERE.glob("*.toml"))
    return tuple(sorted(found, key=lambda one: one != DEFAULT))


DEFAULT = "neuroendocrine_core"
"""The model to fit when nobody says another."""


def load(name: str | Path, see: Path | None = None, stages: Mapping[str, int] | None = None) -> Model:
    """Load a model by its name in the catalogue, or from a file.

    Parameters
    ----------
    name : a name that `models` lists, or a path ending in .toml, .xml or .sbml (SBML), or .ant (Antimony).
    see : for SBML and Antimony, the TOML map that says what is seen of each state; beside the file as NAME.map.toml if not given.
    stages : number of equal stages (Erlang) of a state, over the model's own.

    Raises
    ------
    InputError : no such model or file, or one that is not a first-order model; says what was found.
    """
    text = str(name)
    if text in models():
        return _shipped(text, tuple(sorted((stages or {}).items())))
    path = Path(name)
    if not path.suffix and not path.exists():
        raise InputError(f"no model {text!r}{nearest(text, models())}; there are {', '.join(models())}, or give a file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix.lower() in (".xml", ".sbml", ".ant"):
        from exotrack.kinetics.sbml import read_sbml

        return read_sbml(path, see)
    from exotrack.kinetics._reading import read_model

    return read_model(path, stages or {})


@lru_cache(maxsize=64)
def _shipped(name: str, stages: tuple[tuple[str, int], ...]) -> Model:
    from exotrack.kinetics._reading import read_model

    return read_model(HERE / f"{name}.toml", dict(stages))
