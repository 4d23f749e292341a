"""``ganzoo benchmark``."""

import json


def test_a_table_and_json(command, bundle):
    table = command("benchmark", bundle, "--batches", "1,4", "--seconds", 0, "--device", "cpu")
    head, *rows = table.stdout.splitlines()
    assert head.split() == ["format", "device", "batch", "ms", "spread", "samples/s", "memory", "file", "difference"]
    assert [row.split()[:3] for row in rows] == [["float32", "cpu", "1"], ["float32", "cpu", "4"]]
    assert "CPU cores, ONNX Runtime" in table.stderr
    done = json.loads(
        command("benchmark", bundle, "--batches", 2, "--seconds", 0, "--device", "cpu", "--json", "-q").stdout
    )
    assert done["model"] == "tiny"
    assert done["cpus"] >= 1
    (row,) = done["rows"]
    assert row.keys() >= {"milliseconds", "fastest", "slowest", "memory", "file_size", "difference"}
    assert row["batch"] == 2


def test_mistakes(command, fails, bundle):
    for text in ("", "0x1", "1,,2", "1,1", "-1"):
        assert "allowed: numbers such as 1,16,64" in fails("benchmark", bundle, "--batches", text)
    assert "A batch has 1 to 4096 samples" in fails("benchmark", bundle, "--batches", 9999)
    assert "No bundle, run or model named 'nothing-here'" in fails("benchmark", "nothing-here")
