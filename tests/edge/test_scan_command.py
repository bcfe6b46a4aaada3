"""`scan`: one answer per file, whatever the file is."""

from __future__ import annotations

from pathlib import Path

import segno

from edge.scan_command import scan_files


def test_each_file_gets_its_answer_in_order(tmp_path: Path) -> None:
    segno.make("GK1:HELLO", micro=False).save(str(tmp_path / "pass.png"), scale=5)
    segno.make("网格员".encode("gb18030"), mode="byte").save(str(tmp_path / "gb.png"), scale=5)
    (tmp_path / "text.png").write_text("no picture")
    names = ["pass.png", "gb.png", "text.png", "absent.png", "."]
    answers = list(scan_files([tmp_path / name for name in names]))
    assert [answer["texts"] for answer in answers] == [["GK1:HELLO"], ["网格员"], [], [], []]
    assert [answer["decoder"] for answer in answers] == ["zxing-cpp", "zxing-cpp", "", "", ""]
    assert [answer["error"] is None for answer in answers] == [True, True, False, False, False]
    assert "No such file" in answers[3]["error"]
    assert "directory" in answers[4]["error"]
    assert all(set(answer) == {"file", "texts", "decoder", "ms", "error"} for answer in answers)
    assert answers[0]["file"] == str(tmp_path / "pass.png")
    assert answers[0]["ms"] > 0
