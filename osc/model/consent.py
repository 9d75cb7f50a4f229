"""What an operator lets us make anew, since it can't follow the new table as it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Consent:
    """`materialized` views that read the table, with the rows of that moment; `views` that read a
    column whose type the ALTER changes, which then have new types and OIDs, too."""

    materialized: bool = False
    views: bool = False


NO_CONSENT = Consent()
