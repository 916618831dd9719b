"""What a table is: columns with dtype, unit and meaning, the words they use, and how a table is built and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from exotrack.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

STATES = ("mobile", "tethered", "docked")
EVENT_KINDS = ("tethering", "docking", "undocking", "full_fusion", "kiss_and_run")
FUSION_KINDS = ("full_fusion", "kiss_and_run")
EXIT_KINDS = ("undocking", "full_fusion", "kiss_and_run", "lost", "censored")
ROLES = ("resident", "newcomer", "visitor")
SOLUTIONS = ("nh4cl", "quench")
FRAME_STATUSES = ("ok", "saturated", "black", "nan", "unreadable", *SOLUTIONS)

TEXT, WHOLE, REAL, YES_NO = "str", "int64", "float64", "bool"
MAYBE_WHOLE, MAYBE_YES_NO = "Int64", "boolean"

MANY = 80


@dataclass(frozen=True)
class Column:
    """One column: pandas dtype, unit ("" if it has none), meaning, the closed set of its values if it has one.

    may_be_empty : of a text, that it may say nothing; tables from before there was such a column can then be read.
    """

    dtype: str
    unit: str
    about: str
    choices: tuple[str, ...] = ()
    may_be_empty: bool = False


class Table:
    """A table's contract. Subclasses list their columns as class attributes, in order."""

    name: ClassVar[str]

    @classmethod
    def columns(cls) -> dict[str, Column]:
        """Name to `Column`, in the order they are written; inherited columns come first."""
        found: dict[str, Column] = {}
        for base in reversed(cls.__mro__):
            found |= {key: value for key, value in vars(base).items() if isinstance(value, Column)}
        return found

    @classmethod
    def empty(cls) -> pd.DataFrame:
        """A table with no rows and every column."""
        return cls.build({})

    @classmethod
    def build(cls, data: Mapping[str, Any] | pd.DataFrame) -> pd.DataFrame:
        """Cast `data` to the declared dtypes, in the declared order, extra columns last.

        A declared column that is absent becomes missing values; scalars are repeated. Raises `InputError` where a column
        of whole numbers, yes/no or text has no values to give.
        """
        import numpy as np
        import pandas as pd

        source = data if isinstance(data, pd.DataFrame) else pd.DataFrame(dict(data))
        missing = {"float64": float("nan"), "Int64": pd.NA, "boolean": pd.NA, "str": ""}
        ready: dict[str, Any] = {}
        for key, column in cls.columns().items():
            if key in source:
                values = source[key]
            elif column.dtype == REAL:
                values = pd.Series(np.full(len(source), np.nan), index=source.index)
            elif len(source) == 0 or column.dtype in missing:
                values = pd.Series([missing.get(column.dtype)] * len(source), index=source.index, dtype="object")
            else:
                raise InputError(f"table {cls.name}: column {key} ({column.dtype}) is missing")
            ready[key] = values.astype(column.dtype)
        extra = {key: source[key] for key in source if key not in ready}
        # Columns are taken as they are: pandas copies one when it is written to, and tables of long movies are large. Of very
        # many it makes one block, as it warns of tables in pieces; only candidates, which are few, have so many.
        columns = {**ready, **extra}
        return pd.DataFrame(columns, copy=len(columns) > MANY).reset_index(drop=True)

    @classmethod
    def check(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` unchanged if it keeps the contract; `InputError` names the first column that does not."""
        kinds = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
        for key, column in cls.columns().items():
            if key not in kinds:
                raise InputError(f"table {cls.name}: column {key} is missing; found {', '.join(map(str, frame.columns))}")
            if kinds[key] != column.dtype:
                raise InputError(f"table {cls.name}: column {key} is {kinds[key]}, expected {column.dtype}")
            if column.choices:
                strange = set(frame[key].drop_duplicates().dropna()) - {*column.choices, ""}
                if strange:
                    raise InputError(
                        f"table {cls.name}: {key} holds {sorted(strange)[0]!r}, allowed are {', '.join(column.choices)}"
                    )
        return frame
