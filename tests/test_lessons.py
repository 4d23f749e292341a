"""Runs every lesson at a reduced size, and checks the outputs that are committed with it."""

import importlib.util
import re
from pathlib import Path

import pytest
from hub.clients import Client
from hub.server import running

REPOSITORY = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("lessons", REPOSITORY / "tools" / "lessons.py")
lessons = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(lessons)

LESSONS = sorted(lessons.LESSONS.glob("*.ipynb"))
SMALL: dict[str, str] = {
    "1_dense_gan_on_digits": (
        "import numpy as np\n"
        "digits = np.random.RandomState(0).randint(0, 256, (256, 28, 28)).astype(np.uint8)\n"
        "np.savez('mnist.npz', x_train=digits, y_train=np.arange(256, dtype=np.uint8) % 10)\n"
        "DATA, STEPS, EVERY = 'mnist.npz', 20, 10"
    ),
    "2_how_gans_collapse": "STEPS, EVERY, GRACE = 20, 10, 10",
    "3_dcgan_on_clothes": """
import numpy as np
import ganzoo

images = ganzoo.load("fashion-28").sample(range(200), label=[seed % 10 for seed in range(200)])
np.savez("fashion.npz", x_train=images[..., 0], y_train=np.arange(200, dtype=np.uint8) % 10)
DATA, STEPS, SAMPLE_EVERY, LOG_EVERY, SAMPLES, DRAWS = "fashion.npz", 2, 1, 1, 50, 1
""",
    "4_faces_dense_or_convolutional": """
import pathlib
import ganzoo

DATA, MINUTES, HIDDEN, SAMPLES, DRAWS = "portraits", 0.01, [16, 32], 20, 1
CHANGES = ["training.batch_size=4", "training.penalties=[]"]
pathlib.Path(DATA).mkdir()
for seed, image in enumerate(ganzoo.load("portraits-64").generate(range(60))):
    image.save(f"{DATA}/{seed}.png")
""",
    "5_your_portraits_at_128": """
import pathlib
import ganzoo

DATA, MINUTES, FEW, SAMPLE_EVERY = "portraits", 0.01, 100, 1
CHANGES = ["training.batch_size=4", "training.penalties=[]"]
for seed, image in enumerate(ganzoo.load("portraits-64").generate(range(40), label=[0, 1] * 20)):
    pathlib.Path(DATA, str(seed % 2)).mkdir(parents=True, exist_ok=True)
    image.save(f"{DATA}/{seed % 2}/{seed}.png")
""",
    "6_new_block_and_loss": "STEPS, FACES, SAMPLES = 4, 60, 20",
    "7_publish_and_load": "STEPS, FACES, REPO, DRY_RUN = 4, 60, 'someone/faces', False",
    "8_latent_space": "SEEDS, FRAMES, SAMPLES, STEPS = 3, 2, 40, 0",
}
"""Lesson -> values that make it short."""

LARGEST = 700_000
"""Bytes of a lesson with its pictures."""

ABSOLUTE = re.compile(r"(?<![\w./:)\]>-])/[a-z]\w*/[\w.-]+|\b[A-Z]:\\\w+")
"""An absolute path on Linux, macOS or Windows."""

each = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def test_every_lesson_has_a_short_version():
    assert {path.stem for path in LESSONS} == set(SMALL)


@each
def test_has_the_outputs_of_a_full_run(path):
    notebook = lessons.read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run: python tools/lessons.py"
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert [output for output in outputs if "image/png" in output.get("data", {})], "a lesson shows pictures"
    assert path.stat().st_size <= LARGEST


@each
def test_names_no_place_of_the_machine_that_ran_it(path):
    text = "\n".join(lessons.text_of(lessons.read(path)))
    assert ABSOLUTE.findall(re.sub(r"base64,[\w+/=]+", "", text)) == []


def test_an_absolute_path_is_found():
    assert ABSOLUTE.findall('File "/home/me/x.py", see https://example.org/a/b and ../../docs/x.md') == ["/home/me"]
    assert ABSOLUTE.findall("C:\\Users\\me") == ["C:\\Users"]


@pytest.mark.slow
@each
def test_runs(path, tmp_path, monkeypatch):
    with running() as hub:  # a lesson that publishes does so here: its kernel gets these variables
        for name, value in Client(tmp_path / "hub", hub.url, token="hf_owner").environment().items():
            monkeypatch.setenv(name, value)
        lessons.execute(lessons.read(path), tmp_path, parameters=SMALL[path.stem], seconds=300)


def test_a_lesson_without_parameters_is_refused(tmp_path):
    with pytest.raises(ValueError, match="0 cells have the tag"):
        lessons.execute(lessons.nbformat.v4.new_notebook(), tmp_path)
