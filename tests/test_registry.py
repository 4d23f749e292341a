"""Tests registries: the decorator, the scan, entry points of other distributions, and error messages."""

import importlib
import json
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ganzoo.config.validation import explain
from ganzoo.errors import ConfigError, GanzooError, RegistrationError, UnknownNameError
from ganzoo.losses import losses
from ganzoo.parts import all_registries, find_registry
from ganzoo.registry import Part, Registry


class Shape(Part):
    """A part for these tests."""

    size: int = Field(3, ge=1, le=9)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An importable, empty package ``shapes_here``."""
    folder = tmp_path / "shapes_here"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "shapes_here"]:
        del sys.modules[name]


@pytest.fixture
def registry(package):
    return Registry("shapes", kind="shape", base=Shape, package="shapes_here")


@pytest.mark.parametrize(
    ("kind", "name", "here"),
    [
        ("metrics", "fid", "frechet"),
        ("metrics", "KID", "kernel"),
        ("metrics", "recall", "precision_recall"),
        ("losses", "LSGAN", "least_squares"),
        ("penalties", "gradient_penalty", "wgan_gp"),
        ("norms", "bn", "batch"),
        ("data_sources", "folder", "image_folder"),
    ],
)
def test_a_name_of_the_literature_leads_to_the_part(kind, name, here):
    with pytest.raises(UnknownNameError) as said:
        find_registry(kind).create(name)
    assert f"named '{name}'. Here it is named '{here}'.\nSee all: ganzoo parts {kind}" in str(said.value)


def test_no_name_of_the_literature_is_the_name_of_a_part():
    for registry in all_registries():
        parts = {name: registry.get(name) for name in registry.names()}
        others = [other for part in parts.values() for other in part.also_known_as]
        assert all(other == other.lower() for other in others)
        assert not parts.keys() & set(others)


def define(registry, name, class_name, module="somewhere"):
    """Register a new class under ``name``, as if ``module`` had defined it."""
    cls = type(class_name, (Shape,), {"__module__": module, "__qualname__": class_name})
    return registry.register(name)(cls)


def install(folder, entries, *, group="ganzoo.shapes", code="", module="plugin_module", name="ganzoo-plugin"):
    """Put a distribution with entry points on the path, as pip leaves one."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in entries.items()))
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    importlib.invalidate_caches()
    sys.modules.pop(module, None)


def test_a_decorated_class_is_found_by_its_name(registry):
    cls = define(registry, "round", "Round")
    assert registry.get("round") is cls
    assert registry.names() == ["round"]
    assert cls.registered_name == "round"


def test_two_classes_of_one_name_are_both_named(registry):
    define(registry, "round", "Round", module="one.module")
    with pytest.raises(RegistrationError, match=r"'round' for a shape: one\.module\.Round and another\.module\.Ring"):
        define(registry, "round", "Ring", module="another.module")


def test_a_notebook_cell_may_run_twice(registry):
    first = define(registry, "round", "Round", module="__main__")
    second = define(registry, "round", "Round", module="__main__")
    assert registry.get("round") is second is not first


def test_a_class_of_another_kind_is_refused(registry):
    with pytest.raises(RegistrationError, match=r"does not derive from test_registry\.Shape"):
        registry.register("text")(str)


def test_taking_a_built_in_name_fails_where_it_is_done(registry, package):
    """Even before the built-in part was ever looked for; and the built-in one stays."""
    (package / "round.py").write_text(BUILT_IN.format(registry="REGISTRY"))
    sys.modules["shapes_here"] = importlib.import_module("shapes_here")
    sys.modules["shapes_here"].REGISTRY = registry
    with pytest.raises(RegistrationError, match=r"shapes_here\.round\.Round and somewhere\.Mine"):
        define(registry, "round", "Mine")
    assert registry.get("round").__name__ == "Round"


BUILT_IN = """
from shapes_here import {registry} as registry
from test_registry import Shape

@registry.register("round")
class Round(Shape):
    pass
"""


def test_the_scan_imports_every_module_of_the_package_but_private_ones(registry, package):
    module = importlib.import_module("shapes_here")
    module.REGISTRY = registry
    (package / "round.py").write_text(BUILT_IN.format(registry="REGISTRY"))
    (package / "_private.py").write_text("raise RuntimeError('imported')")
    assert registry.names() == ["round"]


def test_a_scan_that_failed_fails_again_and_hides_nothing(registry, package):
    importlib.import_module("shapes_here").REGISTRY = registry
    (package / "broken.py").write_text("import no_such_module_anywhere")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
            registry.get("round")


def test_an_unknown_name_shows_the_nearest_and_the_command(registry):
    define(registry, "conv_transpose", "A")
    define(registry, "dense", "B")
    with pytest.raises(UnknownNameError) as caught:
        registry.get("conv_transposed")
    assert str(caught.value) == (
        "No shape named 'conv_transposed'. Did you mean 'conv_transpose'?\nSee all: ganzoo parts shapes"
    )


@pytest.mark.parametrize(
    ("received", "meant"),
    [
        ("hing", "hinge"),
        ("wassertein", "wasserstein"),
        ("non-saturating", "non_saturating"),
        ("least_square", "least_"),
    ],
)
def test_real_slips_find_the_real_name(received, meant):
    with pytest.raises(UnknownNameError, match=f"Did you mean .*'{meant}"):
        losses.get(received)


@settings(max_examples=40)
@given(st.text(max_size=30))
def test_no_text_but_a_name_is_a_name(text):
    if text in losses.names():
        return
    with pytest.raises(GanzooError):
        losses.get(text)


# --- entry points


PLUGIN = """
from test_registry import REGISTRIES, Shape

@REGISTRIES["now"].register("star")
class Star(Shape):
    points: int = 5
"""
REGISTRIES = {}


@pytest.fixture
def plugins(registry, tmp_path):
    sys.modules["test_registry"] = sys.modules[__name__]
    REGISTRIES["now"] = registry
    return tmp_path


SLOW = """
import time
from test_registry import REGISTRIES, Shape

time.sleep(0.1)
assert REGISTRIES["now"].names() is not None

@REGISTRIES["now"].register("{name}")
class Slow(Shape):
    pass
"""


@pytest.mark.parametrize("from_plugin", [False, True])
def test_every_thread_sees_all_parts(registry, package, plugins, from_plugin):
    names = ["part0", "part1", "part2"]
    for name in names:
        if from_plugin:
            install(plugins, {name: name}, code=SLOW.format(name=name), module=name, name=f"ganzoo-{name}")
        else:
            (package / f"{name}.py").write_text(SLOW.format(name=name))
    importlib.invalidate_caches()
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: registry.names(), range(4))) == [names] * 4


def test_an_installed_distribution_adds_a_part(registry, plugins):
    install(plugins, {"star": "plugin_module:Star"}, code=PLUGIN)
    assert registry.get("star")().points == 5
    assert registry.names() == ["star"]
    assert registry.broken == {}


def test_an_entry_point_may_name_a_module(registry, plugins):
    install(plugins, {"star": "plugin_module"}, code=PLUGIN)
    assert registry.names() == ["star"]


def test_plugins_are_not_imported_for_a_built_in_name(registry, plugins):
    define(registry, "round", "Round")
    install(plugins, {"star": "plugin_module:Star"}, code="raise RuntimeError('imported')")
    registry.get("round")
    assert registry.broken == {}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("raise RuntimeError('it is Monday')", "RuntimeError: it is Monday"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("Star = None +", "SyntaxError"),
        ("", "AttributeError"),
        ("class Star: pass", r"not decorated with @shapes\.register"),
    ],
)
def test_a_broken_plugin_is_named_and_harms_nothing(registry, plugins, code, why):
    define(registry, "round", "Round")
    install(plugins, {"star": "plugin_module:Star"}, code=code)
    assert registry.names() == ["round"]
    assert registry.get("round").__name__ == "Round"
    with pytest.raises(
        UnknownNameError, match=rf"Plug-in 'star \(plugin_module:Star\)' could not be imported: .*{why}"
    ):
        registry.get("star")


def test_a_plugin_that_takes_a_name_is_broken_and_the_other_stays(registry, plugins):
    mine = define(registry, "star", "Mine")
    install(plugins, {"star": "plugin_module:Star"}, code=PLUGIN)
    registry.names()
    assert registry.get("star") is mine
    assert "plugin_module.Star" in next(iter(registry.broken.values()))


# --- specs


@given(st.integers(1, 9))
def test_a_spec_is_read_back(size):
    registry = Registry("shapes", kind="shape", base=Shape, package="ganzoo.errors")
    define(registry, "round", "Round")
    part = registry.create({"name": "round", "size": size})
    assert registry.create(json.loads(json.dumps(registry.spec(part)))) == part
    assert registry.create(part) is part
    assert registry.create("round") == registry.create({"name": "round"})


def test_a_class_in_two_registries_under_two_names_keeps_both(package):
    one, two = (Registry(n, kind="shape", base=Shape, package="shapes_here") for n in ("ones", "twos"))
    cls = type("Both", (Shape,), {"__module__": "somewhere"})
    one.register("first")(two.register("second")(cls))
    assert one.spec(cls())["name"] == "first"
    assert two.spec(cls())["name"] == "second"


@pytest.mark.parametrize("spec", [3, None, [], {}, {"size": 3}, {"name": 3}, {"name": None}])
def test_a_spec_of_another_form_says_what_one_is(registry, spec):
    define(registry, "round", "Round")
    with pytest.raises(ConfigError, match="name"):
        registry.create(spec)


def test_a_field_explains_what_is_wrong_inside_of_a_part(registry):
    define(registry, "round", "Round")

    class Model(BaseModel):
        shape: Annotated[Shape, registry.field()]
        more: tuple[Annotated[Shape, registry.field()], ...] = ()

    def lines(**values):
        with pytest.raises(ValidationError) as caught:
            Model(**values)
        return [problem.line for problem in explain(caught.value, Model)]

    assert lines(shape={"name": "round", "siz": 3}) == ["shape.siz: no such key. Did you mean 'size'?"]
    assert lines(shape={"name": "round", "size": 99}) == ["shape.size = 99: allowed is 9 at most"]
    assert lines(shape="round", more=["round", "rond"])[0].startswith("more.1: No shape named 'rond'. Did you mean")
    assert lines(shape={}) == ["shape: a shape needs the key 'name', one of round"]


def test_a_list_is_not_called_too_short_when_its_items_are_wrong(registry):
    define(registry, "round", "Round")

    class Model(BaseModel):
        shapes: Annotated[tuple[Annotated[Shape, registry.field()], ...], Field(min_length=1)]

    def lines(*shapes):
        with pytest.raises(ValidationError) as caught:
            Model(shapes=shapes)
        return [problem.line for problem in explain(caught.value, Model)]

    assert lines({"name": "round", "size": 99}) == ["shapes.0.size = 99: allowed is 9 at most"]
    assert lines() == ["shapes = (): the least number of items is 1, received 0"]


def test_every_registry_describes_its_parts_as_json_schema():
    for registry in all_registries():
        names = registry.names()
        assert names
        assert registry.broken == {}
        for name in names:
            assert registry.get(name).model_json_schema()["additionalProperties"] is False
        schema = TypeAdapter(Annotated[Part, registry.field()]).json_schema()
        assert "$ref" not in json.dumps(schema), f"{registry.name}: a reference has no target in a config"
