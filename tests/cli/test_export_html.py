"""Tests ``ganzoo export --html`` of a run. tests/web/test_page.py has the other models."""

from ganzoo.bundle.folder import read_bundle


def test_a_run_becomes_a_page_next_to_its_bundle(command, trained):
    folder = trained / "runs" / "images" / "001"
    assert command("export", "images", "--html").stdout == "runs/images/001/index.html\n"
    assert 'name="generator" content="ganzoo' in (folder / "index.html").read_text(encoding="utf-8")
    command("export", "--onnx", "--html")  # the older bundle and the older page are replaced
    assert read_bundle(folder / "bundle").metadata.facts.training_step == 3


def test_a_page_with_a_bundle_elsewhere(command, fails, trained):
    assert command("export", "--onnx", "--html", "-o", "out/mine").stdout == "out/mine\nout/index.html\n"
    assert "-o is the bundle's folder" in fails("export", "--onnx", "--html", "-o", "page.html")


def test_only_a_page_goes_to_standard_output(fails):
    assert "-o - is for --html alone" in fails("export", "--fp16", "-o", "-")


def test_a_run_of_vectors_and_a_file_of_the_user_are_refused_before_the_export(command, fails, trained, points_yaml):
    folder = trained / "runs" / "images" / "001"
    (folder / "index.html").write_text("mine")
    for options in (("--html",), ("--html", "--onnx")):
        assert "is not a page of ganzoo" in fails("export", "images", *options)
    command("train", points_yaml)
    for options in (("--html",), ("--html", "--onnx"), ("--html", "-o", "page.html")):
        assert "generates vectors" in fails("export", "points", *options)
    assert not (folder / "bundle").exists()
    assert not (trained / "runs" / "points" / "001" / "bundle").exists()
    assert not (trained / "page.html").exists()
