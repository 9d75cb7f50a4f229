"""A follower on fakes whose copy is over, for stages that only use one."""

from __future__ import annotations

from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.watermark import Watermark
from osc.stages.sync import Follower
from tests.fakes import FENCE, JOB, FakeDialect, FakeLedger, FakeServer, FakeSource


def following(
    server: FakeServer, source: FakeSource, tracker: Tracker, controls: Controls
) -> Follower:
    watermark = Watermark(ordered=True)
    watermark.finish()
    return Follower(
        job=JOB,
        source=source,
        dialect=FakeDialect(),
        ledger=FakeLedger(),
        connect=server.connect,
        watermark=watermark,
        probe=lambda: None,
        tracker=tracker,
        controls=controls,
        fence=FENCE,
    )
