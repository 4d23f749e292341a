"""``ganzoo compare``."""

import json

import tiny_bundles
from PIL import Image


def test_table_picture_and_page(command, bundle, place):
    tiny_bundles.image_bundle(place / "other", num_classes=2)
    done = command("compare", bundle, "./other", "--html", "page.html", "--seeds", "0-3")
    head, *rows = done.stdout.splitlines()
    assert head.split() == [str(bundle), "./other"]
    assert "classes" in done.stdout
    assert rows[0].startswith("samples ")
    assert "Written: compare.png" in done.stderr
    with Image.open(place / "compare.png") as picture:
        assert picture.height > 2 * 64
    assert "./other" in (place / "page.html").read_text()


def test_json(command, bundle, place):
    found = json.loads(command("compare", bundle, bundle, "--json", "-o", "pair.webp").stdout)
    assert [entry["num_classes"] for entry in found["models"]] == [None, None]
    assert found["numbers"][0]["label"] == "fid"
    assert found["numbers"][0]["comparable"] is True
    assert found["config"] == {}
    assert "do not differ" not in command("compare", bundle, bundle).stderr, "they are not known"
    assert (place / "pair.webp").is_file()


def test_long_values_are_cut_around_their_difference(command, place):
    for name, last in (("a", "x"), ("b", "y")):
        config = {"data": {"styles": ["a" * 80, last], "short": last}}
        tiny_bundles.write_bundle(
            place / name,
            config=tiny_bundles.image_config(),
            onnx=tiny_bundles.image_model().SerializeToString(),
            weights={},
            facts=tiny_bundles.BundleFacts(training={"config": config}),
        )
    out = command("compare", "./a", "./b").stdout
    assert '...aaaaaaaaaaa", "x"]' in out
    assert '...aaaaaaaaaaa", "y"]' in out
    assert [line.split() for line in out.splitlines()][-1] == ["data.short", "x", "y"]


def test_mistakes(command, fails, bundle):
    assert "at least two models; received 1" in fails("compare", bundle)
    assert "'x.txt' must end with" in fails("compare", bundle, bundle, "-o", "x.txt")
    assert "--html compare.html" in fails("compare", bundle, bundle, "--html", "x.png")
    assert "up to 64 seeds; received 65" in fails("compare", bundle, bundle, "--seeds", "0-64")
    assert "No bundle, run or model named 'nothing'" in fails("compare", bundle, "nothing")
    assert "is in the bundle" in fails("compare", bundle, bundle, "-o", bundle / "samples.png")
