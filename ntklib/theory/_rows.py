"""A row of the comparison with other works, and the table that rows make."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ntklib.theory._asymptotics import Growth


@dataclass(frozen=True)
class Stated:
    """What a work itself asks for, where the source of its row leaves it open.

    Attributes:
      work: which.
      theorem: of that work.
      width: how m has to grow, for a fixed probability of failure; None where it is no news.
      samples: how n has to grow; None where it is no news.
    """

    work: str
    theorem: str
    width: Growth | None = None
    samples: Growth | None = None


@dataclass(frozen=True)
class Work:
    """A row of the comparison.

    Attributes:
      key: by which the row is found.
      work: who and when.
      statement: which of its statements.
      controls: what is controlled.
      where: on all of X or on the training set; empty where the source of the row doesn't say.
      width: how m has to grow.
      samples: how n has to grow; None where the source of the row states nothing.
      stopping_time: whether there is one, and which.
      regime: how m, n and p relate.
      architectures: to which it applies, as far as the source of the row says.
      source: of the row.
      stated: what the works themselves say beyond it.
    """

    key: str
    work: str
    statement: str
    controls: str
    where: str
    width: Growth
    samples: Growth | None
    stopping_time: str
    regime: str
    architectures: str
    source: str
    stated: tuple[Stated, ...] = ()


@dataclass(frozen=True)
class Requirements:
    """All rows, found by their key, in the order of the table.

    Attributes:
      works: the rows.
    """

    works: tuple[Work, ...]

    def __iter__(self) -> Iterator[Work]:
        return iter(self.works)

    def __getitem__(self, key: str) -> Work:
        for work in self.works:
            if work.key == key:
                return work
        raise KeyError(f"key must be one of {', '.join(work.key for work in self.works)}: {key!r}.")

    def columns(self) -> dict[str, list[str]]:
        """Returns the table's columns by their titles.

        Formulas stand between dollars. A † marks what is taken from the work itself.
        """

        def sized(row: Work, size: Literal["width", "samples"]) -> str:
            growth: Growth | None = getattr(row, size)
            own = [(each.work, getattr(each, size)) for each in row.stated]
            return "; ".join(
                (
                    "not stated" if growth is None else f"${growth.latex()}$",
                    *(f"{work}: ${beyond.latex()}$†" for work, beyond in own if beyond is not None),
                )
            )

        return {
            "work": [f"{row.work}, {row.statement}" for row in self],
            "controls": [row.controls + (f", on {row.where}" * bool(row.where)) for row in self],
            "width m": [sized(row, "width") for row in self],
            "samples n": [sized(row, "samples") for row in self],
            "stopping time": [row.stopping_time for row in self],
            "regime, networks": [f"{row.regime}; {row.architectures}" for row in self],
        }
