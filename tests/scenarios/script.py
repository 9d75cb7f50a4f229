"""The SQL of a case: statements with blanks to fill in, grouped into transactions.

A statement ends with `;` at the end of a line, a transaction with an empty line; one that doesn't
begin and end itself is wrapped. Lines that start with `--` are comments.

`WAIT 6` leaves the transaction open until others have committed six (or can't). A statement
after `ONCE` stands alone, outside of a transaction, and is run one time, once the copy has begun.

A statement with `{t}` is for the table: it is run on the original and then, with the very same
values, on the twin. Other statements run once. The blanks:

    {s}.other      a table beside it, on both sides as well
    {t}            the table                {n}          a number never used before in this case
    {w} {writers}  which writer, of how many
    {copying}      1 as soon as the copy has begun, 0 before
    {1..500}       a random number          {a:1..500}   the same, and `{a}` is that number again
    {own 1..500}   one that no other writer draws: equal to {w} modulo {writers}
    {numbers 500}  1 to 500, to select from: `SELECT n FROM {numbers 500}`
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from random import Random

BEGINS = re.compile(r"(BEGIN|START TRANSACTION|XA START)\b", re.IGNORECASE)
ONCE = re.compile(r"ONCE\s+")
DRAW = re.compile(r"\{(?:(\w+):)?(own )?(-?\d+)\.\.(-?\d+)\}")
NUMBERS = re.compile(r"\{numbers (\d+)\}")

MYSQL_NUMBERS = (
    "(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) "
    "SELECT n FROM s) AS numbers"
)
POSTGRES_NUMBERS = "generate_series(1, {}) AS numbers (n)"


@dataclass(frozen=True)
class Blanks:
    """What one writer fills in, in one round."""

    n: int = 0
    w: int = 0
    writers: int = 1
    copying: int = 0


def statements(text: str) -> list[str]:
    """The statements of a script, without its comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    found = re.split(r";[ \t]*$", "\n".join(lines), flags=re.MULTILINE)
    return [statement.strip() for statement in found if statement.strip()]


def transactions(text: str) -> list[list[str]]:
    """The transactions of a script, each with its own beginning and end."""
    found = [statements(part) for part in re.split(r"\n[ \t]*\n", text)]
    return [_wrapped(part) for part in found if part]


def _wrapped(part: list[str]) -> list[str]:
    if any(BEGINS.match(statement) or ONCE.match(statement) for statement in part):
        return part
    return ["BEGIN", *part, "COMMIT"]


def numbers(text: str, engine: str) -> str:
    """`text` with the engine's way to count in place of `{numbers 500}`."""
    series = POSTGRES_NUMBERS if engine == "postgres" else MYSQL_NUMBERS
    return NUMBERS.sub(lambda found: series.format(found[1]), text)


def filled_in(transaction: list[str], blanks: Blanks, random: Random) -> list[str]:
    """The transaction with every blank but `{t}` filled in."""
    known = asdict(blanks)

    def draw(found: re.Match[str]) -> str:
        name, own, low, high = found.groups()
        value = random.choice(_range(int(low), int(high), bool(own), blanks))
        if name:
            known[name] = value
        return str(value)

    return [_known(DRAW.sub(draw, statement), known) for statement in transaction]


def _range(low: int, high: int, own: bool, blanks: Blanks) -> range:
    if not own:
        return range(low, high + 1)
    return range(low + (blanks.w - low) % blanks.writers, high + 1, blanks.writers)


def _known(statement: str, known: dict[str, int]) -> str:
    def value(found: re.Match[str]) -> str:
        return str(known[found[1]]) if found[1] in known else found[0]

    return re.sub(r"\{(\w+)\}", value, statement)


def on_both(statement: str, original: str, twin: str) -> list[str]:
    """The statement for the original and again for the twin; once if it names neither."""
    if "{t}" not in statement and "{s}" not in statement:
        return [statement]
    return [
        statement.replace("{t}", table).replace("{s}", table.partition(".")[0])
        for table in (original, twin)
    ]
