"""Lines for machines are as their schema says; tests/conftest.py holds every record to that."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from osc.ops import events
from osc.ops.log import formatter

SCHEMA = Path(__file__).parents[2] / "docker" / "monitoring" / "events.schema.json"


def line(action: str, **fields: object) -> str:
    kept = {"msg": "a sentence", "levelname": "INFO", "action": action}
    record = logging.makeLogRecord({**kept, **fields})
    return formatter("json").format(record)


def test_the_schema_in_the_repository_is_that_of_the_events() -> None:
    assert json.loads(SCHEMA.read_text()) == events.json_schema()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_has_a_password_wherever_it_stands(form: str) -> None:
    secret = "mysql://me:s3cret@db2/shop?token=s3cret"
    record = logging.makeLogRecord(
        {"msg": f"watching {secret}", "levelname": "INFO", "url": secret}
    )

    assert "s3cret" not in formatter(form).format(record)


def test_a_line_with_a_new_field_is_as_told_and_one_that_lacks_a_field_is_not() -> None:
    events.check(line("said", words="pause", by="ann", answer="paused", later="more"))

    for wrong in (line("said", words="pause", by="ann"), line("nonsense"), "no JSON"):
        with pytest.raises(ValidationError):
            events.check(wrong)
