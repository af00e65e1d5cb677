"""The section ``log``."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import load_config
from gateway.config.log import LogSettings


@pytest.mark.parametrize("written", ["off", '"off"', "false"])
def test_off_is_off_however_yaml_reads_it(written: str, tmp_path: Path) -> None:
    file = tmp_path / "lengthwise.yaml"
    file.write_text(f"log:\n  access: {written}\n")
    assert load_config(file, env={}).log.access == "off"
    assert load_config(None, env={"LENGTHWISE_LOG_ACCESS": written}).log.access == "off"


def test_a_file_without_records_is_refused() -> None:
    with pytest.raises(ValueError, match=r"log\.access"):
        LogSettings(access_file=Path("access.log"))
