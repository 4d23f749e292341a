"""Opens pages from the disk in headless Chromium and uses every control. See conftest.py for what each test checks."""

import io

import numpy as np
import pytest
import tiny_bundles
from PIL import Image

from ganzoo.bundle.folder import LatentSpec
from ganzoo.bundle.writing import write_bundle
from ganzoo.hub.pretrained import pretrained_models
from ganzoo.inference.generator import Generator
from ganzoo.resolve import resolve
from ganzoo.web import page as web_page

PHONE = {"viewport": {"width": 360, "height": 740}}


def pixels(download):
    return np.asarray(Image.open(download.path()))


def differ(one, other):
    return np.abs(one.astype(int) - np.asarray(other).astype(int)).max()


@pytest.fixture(scope="module")
def generator(tiny):
    return Generator.from_bundle(tiny)


def test_the_seed(opened, tiny_page, generator):
    page = opened(tiny_page)
    assert page.input_value("#seed") == "2"
    page.fill("#seed", "12")
    page.wait_for("#seed=12")
    assert differ(pixels(page.downloaded("#save"))[..., :3], generator.generate(12)) <= 1
    page.click("#next")
    page.wait_for("#seed=13")
    page.click("#previous")
    page.click("#previous")
    page.wait_for("#seed=11")
    page.fill("#seed", "0")
    page.click("#previous")
    page.wait_for("#seed=4294967295")
    page.click("#next")
    page.wait_for("#seed=0")
    page.click("#another")
    page.wait_for_selector("#picture:not([data-shows='#seed=0'])")
    assert page.input_value("#seed") == page.input_value("#from") != "0"
    assert len(page.page.workers) == 1


def test_a_wrong_seed_is_explained_and_replaced(opened, tiny_page):
    page = opened(tiny_page, "#seed=5")
    page.fill("#seed", "4294967296")
    assert "from 0 to 4294967295" in page.text("#note")
    assert page.get_attribute("#seed", "aria-invalid") == "true"
    page.press("#seed", "Enter")
    assert page.input_value("#seed") == "5"
    assert page.get_attribute("#seed", "aria-invalid") is None


def test_the_class(opened, tiny_page, generator):
    page = opened(tiny_page, "#seed=3")
    chosen = generator.class_names[generator.labels([3])[0]]
    names = page.page.eval_on_selector_all("#class option", "all => all.map((one) => one.textContent)")
    assert names == ["Chosen by the seed", "micah", "7", "two words"]
    assert page.text("#caption") == f"Seed 3, {'class 7' if chosen == '7' else chosen}"
    page.select_option("#class", label="two words")
    page.wait_for("#seed=3&label=two%20words")
    assert page.text("#caption") == "Seed 3, two words"
    assert differ(pixels(page.downloaded("#save"))[..., :3], generator.generate(3, label="two words")) <= 1
    page.select_option("#class", "")
    page.wait_for("#seed=3")


def test_truncation_directions_and_reset(opened, tiny_page, generator):
    page = opened(tiny_page, "#seed=3&label=micah")
    page.fill("#truncation", "0.5")
    page.wait_for("#seed=3&label=micah&truncation=0.5")
    assert differ(pixels(page.downloaded("#save"))[..., :3], generator.generate(3, label=0, truncation=0.5)) <= 1
    assert page.text("#truncation-value") == "0.50"
    page.get_by_label("Light").fill("-1.2")
    page.get_by_label("Shape").fill("3")
    page.wait_for("#seed=3&label=micah&truncation=0.5&directions=-1.2,3")
    options = 'label="micah", truncation=0.5, directions={"light": -1.2, "shape": 3}'
    assert page.text("#python") == f'ganzoo.load("path/to/the/bundle").generate(3, {options})'
    expected = generator.generate(3, label="micah", truncation=0.5, directions={"light": -1.2, "shape": 3})
    assert differ(pixels(page.downloaded("#save"))[..., :3], expected) <= 1
    page.click("#reset")
    page.wait_for("#seed=3")
    assert page.get_by_label("Light").input_value() == "0"


def test_the_codes(opened, tmp_path):
    config = tiny_bundles.image_config(num_classes=3, codes=2)
    graph = tiny_bundles.image_model(num_classes=3).SerializeToString()
    bundle = write_bundle(tmp_path / "bundle", config=config, onnx=graph, weights={})
    generator = Generator.from_bundle(bundle)
    page = opened(web_page.write_page(bundle, tmp_path / "index.html"), "#seed=3&codes=1.5,&label=1")
    assert page.text("#python").endswith('.generate(3, label="1", codes={0: 1.5})')
    expected = generator.generate(3, label="1", codes={0: 1.5})
    assert differ(pixels(page.downloaded("#save"))[..., :3], expected) <= 1
    assert [page.text(f"#code-{index}-value") for index in (0, 1)] == ["1.50", "by the seed"]
    page.get_by_label("Code 1").fill("-3")
    page.fill("#to", "9")
    page.fill("#at", "100")
    page.wait_for("#seed=3&label=1&morph=9,1&codes=1.5,-3")
    expected = generator.interpolate(3, 9, 2, label="1", codes=[1.5, -3])[1]
    assert differ(pixels(page.downloaded("#save"))[..., :3], expected) <= 1
    page.click("#reset")
    page.wait_for("#seed=3&morph=9,1")
    for wrong in ("codes=1", "codes=1,2,3", "codes=11,0", "codes=a,0"):
        page.evaluate(f"location.hash = '#seed=3&{wrong}'")
        page.wait_for("#seed=3")
        assert page.text("#note") == f"Ignored in the address: {wrong}"


def test_the_link_keeps_a_code_of_a_uniform_latent(opened, tmp_path):
    config = tiny_bundles.image_config(codes=1, latent=LatentSpec(dim=8, distribution="uniform"))
    bundle = write_bundle(
        tmp_path / "bundle", config=config, onnx=tiny_bundles.image_model().SerializeToString(), weights={}
    )
    page = opened(web_page.write_page(bundle, tmp_path / "index.html"), "#seed=3")
    page.press("#code-0", "ArrowRight")
    page.wait_for("#seed=3&codes=0.02")
    assert opened(tmp_path / "index.html", "#seed=3&codes=0.02").text("#note") == ""


@pytest.mark.parametrize("viewport", [(1280, 600), (1280, 250), (360, 740), (768, 1024)])
def test_the_picture_keeps_its_shape(opened, tiny_page, viewport):
    page = opened(tiny_page, viewport=dict(zip(("width", "height"), viewport, strict=True)))
    for height, width in ((8, 8), (16, 8), (8, 16)):
        shown = page.evaluate(
            """([height, width]) => {
              const picture = document.getElementById("picture");
              picture.height = 56 * height;
              picture.width = 56 * width;
              const box = picture.getBoundingClientRect();
              return [box.height, box.width, document.documentElement.scrollWidth];
            }""",
            [height, width],
        )
        assert shown[0] / shown[1] == pytest.approx(height / width, rel=0.02)
        assert shown[0] > 80
        assert shown[2] <= viewport[0]


def test_the_morph(opened, tiny_page, generator):
    page = opened(tiny_page)
    page.fill("#from", "1")
    page.fill("#to", "2")
    page.fill("#at", "40")
    page.wait_for("#seed=1&morph=2,0.4")
    assert page.text("#python") == 'ganzoo.load("path/to/the/bundle").interpolate(1, 2, frames=101)[40]'
    expected = generator.interpolate(1, 2, frames=101)[40]
    assert differ(pixels(page.downloaded("#save"))[..., :3], expected) <= 1
    page.click("#play")
    assert page.text("#play") == "Pause"
    page.wait_for_selector("#picture:not([data-shows='#seed=1&morph=2,0.4'])")
    page.click("#play")
    assert page.text("#play") == "Play"
    before = page.input_value("#at")
    page.wait_for_timeout(300)
    assert page.input_value("#at") == before
    page.click("#play")
    page.fill("#to", "")
    page.wait_for_timeout(300)
    assert page.input_value("#to") == "", "a field is not filled while it is edited"
    assert page.text("#play") == "Play"


def test_less_motion_means_single_steps(opened, tiny_page):
    page = opened(tiny_page, "#seed=1&morph=2,0.75", reduced_motion="reduce")
    page.click("#play")
    for percent in ("0.8", "0.9"):
        page.wait_for(f"#seed=1&morph=2,{percent}")
    page.click("#next")
    page.wait_for("#seed=2&morph=2")
    assert page.text("#play") == "Play"


def test_the_files(opened, tiny_page, generator):
    page = opened(tiny_page, "#seed=9")
    small, large = page.downloaded("#save"), page.downloaded("#save-large")
    assert (small.suggested_filename, large.suggested_filename) == ("tiny-9.png", "tiny-9-4x.png")
    assert pixels(small).shape[:2] == (8, 8)
    lanczos = generator.grid([9], scale=4)
    assert differ(pixels(large)[..., :3], lanczos) <= 2


def test_the_link_shows_the_same_picture(opened, tiny_page):
    context = {"permissions": ["clipboard-read", "clipboard-write"]}
    page = opened(tiny_page, "#seed=9", **context)
    page.select_option("#class", label="7")
    page.fill("#truncation", "0.8")
    page.get_by_label("Shape").fill("1.5")
    page.fill("#to", "3")
    page.fill("#at", "55")
    address = "#seed=9&label=7&truncation=0.8&morph=3,0.55&directions=0,1.5"
    page.wait_for(address)
    page.click("#copy-link")
    page.wait_for_selector("#note:has-text('copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == tiny_page.as_uri() + address
    page.wait_for_timeout(400)
    assert page.evaluate("location.href") == link
    again = opened(tiny_page, address)
    assert again.picture() == page.picture()
    assert again.input_value("#class") == "1" and again.input_value("#at") == "55"


def test_a_copy_without_a_clipboard(opened, tiny_page):
    before = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
    page = opened(tiny_page, before=before, permissions=["clipboard-read"])
    page.click("#copy-python")
    page.wait_for_selector("#note:has-text('copied')")
    page.fill("#seed", "")
    page.press("#seed", "Control+v")
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'target'}))")
    page.focus("#target")
    page.press("#target", "Control+v")
    assert page.input_value("#target") == 'ganzoo.load("path/to/the/bundle").generate(2)'


def test_a_changed_address(opened, tiny_page):
    page = opened(tiny_page)
    page.evaluate("location.hash = '#seed=4&label=micah'")
    page.wait_for("#seed=4&label=micah")
    assert page.input_value("#seed") == "4" and page.input_value("#class") == "0"


@pytest.mark.parametrize(
    ("address", "ignored"),
    [
        ("#seed=-1", "seed=-1"),
        ("#seed=1e3", "seed=1e3"),
        ("#label=nobody", "label=nobody"),
        ("#label=3", "label=3"),
        ("#truncation=1.5", "truncation=1.5"),
        ("#morph=5,2", "morph=5,2"),
        ("#directions=1", "directions=1"),
        ("#directions=0,4", "directions=0,4"),
        ("#label=%E0", "label=%E0"),
        ("#<img/src=x>", "img"),
    ],
)
def test_a_wrong_address_is_noted(opened, tiny_page, address, ignored):
    page = opened(tiny_page, address)
    page.wait_for("#seed=2")
    assert page.text("#note").startswith("Ignored in the address: ") and ignored in page.text("#note")
    page.click("#next")
    assert page.text("#note") == ""


def test_the_wall(opened, tiny_page):
    page = opened(tiny_page, **PHONE)
    assert page.locator("#wall button").count() == 0, "the wall is not in view yet"
    while page.locator("#wall button").count() < 60:
        page.evaluate("document.getElementById('wall-end').scrollIntoView()")
        page.wait_for_timeout(50)
    page.locator("#wall button:nth-child(20)").scroll_into_view_if_needed()
    page.wait_for_selector("#wall button:nth-child(20).painted")
    page.click("#wall button:nth-child(20)")
    page.wait_for("#seed=19")
    assert page.get_attribute("#wall button:nth-child(20)", "aria-current") == "true"
    assert page.locator("#picture").bounding_box()["y"] >= 0, "the large picture is in view"
    page.select_option("#class", label="two words")
    page.locator("#wall button:nth-child(20)").scroll_into_view_if_needed()
    page.wait_for_selector("#wall button:nth-child(20)[aria-label='Seed 19, two words']")


def test_more_of_the_wall(opened, tiny_page):
    page = opened(tiny_page)
    while page.is_hidden("#more"):
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(50)
    assert page.locator("#wall button").count() == 120
    page.click("#more")
    page.wait_for_selector("#wall button:nth-child(121):focus")


def test_the_keyboard_alone(opened, tiny_page):
    page = opened(tiny_page)
    keys, reached = page.page.keyboard, []
    for _ in range(30):
        keys.press("Tab")
        found = page.evaluate("document.activeElement.id || document.activeElement.closest('[id]').id")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", found
        reached.append(found)
        if found == "wall":
            break
    assert reached == [
        *("previous", "seed", "next", "another", "save", "save-large", "copy-link"),
        *("reset", "class", "truncation", "direction-0", "direction-1", "from", "to", "play", "at", "wall"),
    ]
    for key, seed in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", None), ("Home", 0)):
        keys.press(key)
        if seed is not None:
            assert page.evaluate("document.activeElement.seed") == seed
    keys.press("ArrowDown")
    below = page.evaluate("document.activeElement.seed")
    boxes = [page.locator("#wall button").nth(seed).bounding_box() for seed in (0, below)]
    assert boxes[0]["x"] == boxes[1]["x"] and boxes[0]["y"] < boxes[1]["y"]
    keys.press("Enter")
    page.wait_for(f"#seed={below}")
    assert page.evaluate("document.activeElement.seed") == below
    page.wait_for_selector(f"#spoken:has-text('Seed {below},')", state="attached")


SLOW_MODEL = """
    const later = setTimeout;
    setTimeout = (action, milliseconds, ...values) => later(action, milliseconds === 200 ? 0 : milliseconds, ...values);
    window.seen = [];
    addEventListener("DOMContentLoaded", () => {
      const bar = document.getElementById("progress");
      new MutationObserver(() => seen.push([bar.hidden, bar.value])).observe(bar, {attributes: true});
    });
"""
"""Makes the page show the progress at once, as it does after 200 ms, and records the progress."""


def test_the_progress_of_a_slow_model(opened, tiny_page):
    page = opened(tiny_page, before=SLOW_MODEL)
    seen = page.evaluate("seen")
    assert [False, 1] in seen, "the bar was visible and full"
    assert any(0 < value < 1 for _, value in seen) and page.is_hidden("#progress")


def test_without_workers_the_page_makes_the_same_pictures(opened, tiny_page):
    with_worker = opened(tiny_page, "#seed=5")
    alone = opened(tiny_page, "#seed=5", before="delete window.Worker")
    assert alone.picture() == with_worker.picture()


def test_a_model_that_does_not_open_is_explained(opened, tiny, tmp_path, monkeypatch):
    made = web_page.model_data
    monkeypatch.setattr(web_page, "model_data", lambda bundle: made(bundle) | {"weights": "AAAA"})
    page = opened(web_page.write_page(tiny, tmp_path / "page.html"), wait=False)
    page.wait_for_selector("#note:has-text('could not be made')")
    assert "incomplete" in page.text("#note")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_accessibility(opened, tiny_page, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = opened(tiny_page, "#seed=-1", viewport={"width": width, "height": 740}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.evaluate("document.getElementById('wall').scrollIntoView()")
    page.wait_for_selector("#wall button.painted")
    found = axe.Axe().run(page.page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(pretrained_models()))
def test_pretrained_models_make_the_same_pictures_as_in_python(opened, tmp_path, name):
    bundle = resolve(f"zoo:{name}", files=["onnx/model.onnx"])
    generator = Generator.from_bundle(bundle)
    page = opened(generator.export_html(tmp_path / f"{name}.html"), "#seed=0")
    assert page.text("h1") == name
    for seed in (0, 7):
        page.fill("#seed", str(seed))
        page.wait_for(f"#seed={seed}")
        download = page.downloaded("#save")
        assert download.suggested_filename == f"{name}-{seed}.png"
        with Image.open(io.BytesIO(download.path().read_bytes())) as image:
            found = np.asarray(image.convert("RGB"))
        expected = np.asarray(generator.generate(seed).convert("RGB"))
        assert differ(found, expected) <= 1
