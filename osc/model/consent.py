"""What is only done with the operator's consent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Consent:
    """Made anew, since they can't follow the new table as they are: `materialized` views that read
    the table, with the rows of that moment; `views` that read a column whose type the ALTER
    changes, which then have new types and OIDs, too. `on_replica`: the server may follow another
    one, which knows nothing of the change. `published`: a publication of all tables may tell of the
    new one and of the ledger, too. `reworded`: CHECK constraints may be worded otherwise than after
    a native ALTER, with the same meaning."""

    materialized: bool = False
    views: bool = False
    on_replica: bool = False
    published: bool = False
    reworded: bool = False


NO_CONSENT = Consent()
