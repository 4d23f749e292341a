"""Registries of parts.

Three sources fill a registry: a decorator, a scan of a package, and the entry points of other distributions.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from threading import get_ident
from typing import Any, ClassVar, Generic, TypeVar, cast

from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ganzoo.config.model import ConfigModel
from ganzoo.config.validation import Problem, explain, short
from ganzoo.errors import ConfigError, RegistrationError, UnknownNameError, did_you_mean


class Part(ConfigModel):
    """A registered piece of a model or a training. Its fields are its typed config; its methods build it."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    registered_name: ClassVar[str] = ""
    name_key: ClassVar[str] = "name"
    """Config key of the name: that of the registry."""
    also_known_as: ClassVar[tuple[str, ...]] = ()
    """Other names of it in the literature, in lower case. They are not accepted: the message names this part."""


P = TypeVar("P", bound=Part)
C = TypeVar("C", bound=type[Part])


class Registry(Generic[P]):
    """Maps the names of one kind of part to their classes.

    Args:
        name: the plural that commands and entry points use, for example ``"generator_blocks"``.
        kind: the singular that messages use, for example ``"generator block"``.
        base: the base class of every part of this kind.
        package: the module or package whose import registers the built-in parts.
        key: the config key of the part's name (``name: hinge``; data sources use ``source``).
        default: the name of a config without that key; None if it is required.
        compact: a part whose fields are all at their defaults is written as its bare name.

    Attributes:
        broken: the plug-ins that could not be imported, and why.

    Other distributions add parts through entry points in the group ``ganzoo.<name>``, for example
    ``ganzoo.generator_blocks``. The registry imports them when a name is not built in, or when all names are
    requested. A plug-in that cannot be imported does not affect other parts.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: str,
        base: type[P],
        package: str,
        key: str = "name",
        default: str | None = None,
        compact: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.base = base
        self.key = key
        self.default = default
        self.compact = compact
        self.group = f"ganzoo.{self.name}"
        self.broken: dict[str, str] = {}
        self._package = package
        self._parts: dict[str, type[P]] = {}
        self._scanned = False
        self._plugins_loaded = False
        self._scanning: set[int] = set()
        self._loading_plugins: set[int] = set()
        # The threads that import parts now. An import that asks the registry again must not begin a second time; any
        # other thread imports too, and waits for Python's import locks until all parts are there.

    def register(self, name: str) -> Callable[[C], C]:
        """Class decorator that registers a part under ``name``.

        Defining the same class again replaces it, so a notebook cell can run twice.

        Raises:
            RegistrationError: if the class does not derive from ``base``, or another class has the name.
        """

        def decorate(cls: C) -> C:
            part: type = cls
            if not issubclass(part, self.base):
                base = _full_name(self.base)
                raise RegistrationError(
                    f"{_full_name(cls)} cannot be {_with_article(self.kind)}: it does not derive from {base}."
                )
            if not f"{cls.__module__}.".startswith(f"{self._package}."):
                self._scan()  # finds a clash with a built-in part here, at its cause
            existing = self._parts.get(name)
            if existing is not None and _full_name(existing) != _full_name(cls):
                raise RegistrationError(
                    f"Two parts have the name '{name}' for {_with_article(self.kind)}: "
                    f"{_full_name(existing)} and {_full_name(cls)}. Rename one of them."
                )
            cls.registered_name, cls.name_key = name, self.key
            self._parts[name] = part
            return cls

        return decorate

    def names(self) -> list[str]:
        """Return all registered names, including those of plug-ins, in alphabetical order."""
        self._scan()
        self._load_plugins()
        return sorted(self._parts)

    def get(self, name: str) -> type[P]:
        """Return the class registered under ``name``.

        Raises:
            UnknownNameError: if the name is not registered. The message lists the closest names, and the plug-ins
                that could not be imported.
        """
        self._scan()
        if name not in self._parts:
            self._load_plugins()
        if name in self._parts:
            return self._parts[name]
        broken = "".join(f"\nPlug-in '{plugin}' could not be imported: {why}" for plugin, why in self.broken.items())
        near = self._also_known_as(name) or did_you_mean(name, self._parts)
        raise UnknownNameError(f"No {self.kind} named '{name}'.{near}\nSee all: ganzoo parts {self.name}{broken}")

    def _also_known_as(self, name: str) -> str:
        """``" Here it is named 'frechet'."`` for a name of the literature, such as ``fid``; else an empty string."""
        wanted = name.lower()
        found = [repr(own) for own, part in self._parts.items() if wanted in part.also_known_as]
        return f" Here it is named {' or '.join(found)}." if found else ""

    def create(self, spec: object) -> P:
        """Create a part from its config.

        Args:
            spec: a name, a mapping with the name and the fields, or a part, which is returned unchanged.

        Raises:
            UnknownNameError: if the name is not registered.
            ConfigError: if ``spec`` has another form.
            pydantic.ValidationError: if a field is wrong.
        """
        if isinstance(spec, self.base):
            return spec
        if isinstance(spec, str):
            return self.get(spec)()
        if isinstance(spec, Mapping):
            fields = dict(spec)
            name = fields.pop(self.key, self.default)
            if not isinstance(name, str):
                raise ConfigError(
                    f"{_with_article(self.kind)} needs the key '{self.key}', one of {', '.join(self.names())}"
                )
            return self.get(name).model_validate(fields)
        raise ConfigError(
            f"received {short(spec)}, but {_with_article(self.kind)} is a name or a mapping with '{self.key}'"
        )

    def spec(self, part: P) -> Any:
        """Return the config of a part: its name and its fields as plain YAML values. ``create`` reads it back."""
        names = (name for name, cls in self._parts.items() if cls is type(part))
        name = next(names, part.registered_name)
        if self.compact and not part.model_dump(exclude_defaults=True):
            return name
        return {self.key: name, **part.model_dump(mode="json")}

    def field(self) -> PartField:
        """Annotation of a config field that holds a part: ``loss: Annotated[Loss, losses.field()]``."""
        return PartField(cast("Registry[Part]", self))

    def _scan(self) -> None:
        thread = get_ident()
        if self._scanned or thread in self._scanning:
            return
        self._scanning.add(thread)
        try:
            module = importlib.import_module(self._package)
            for submodule in pkgutil.iter_modules(getattr(module, "__path__", ())):
                if not submodule.name.startswith("_"):
                    importlib.import_module(f"{self._package}.{submodule.name}")
            self._scanned = True  # after an error, the next call raises it again, instead of finding half of the parts
        finally:
            self._scanning.discard(thread)

    def _load_plugins(self) -> None:
        thread = get_ident()
        if self._plugins_loaded or thread in self._loading_plugins:
            return
        self._loading_plugins.add(thread)
        try:
            for entry in entry_points(group=self.group):
                try:
                    self._check_plugin(entry.load())
                except (Exception, SystemExit) as error:  # a plug-in may raise anything; other parts must still work
                    self.broken[f"{entry.name} ({entry.value})"] = f"{type(error).__name__}: {error}"
            self._plugins_loaded = True
        finally:
            self._loading_plugins.discard(thread)

    def _check_plugin(self, loaded: object) -> None:
        """Reject a class that has an entry point but was not registered by the decorator."""
        if isinstance(loaded, type) and loaded not in self._parts.values():
            raise RegistrationError(f'{_full_name(loaded)} is not decorated with @{self.name}.register("NAME")')


class PartField:
    """Teaches pydantic to read, write and describe a field that holds a registered part."""

    def __init__(self, registry: Registry[Part]) -> None:
        self.registry = registry

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(self.registry.spec),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A name, or a mapping whose other keys depend on the name."""
        registry = self.registry
        names = registry.names()
        mapping: dict[str, Any] = {"type": "object", "properties": {registry.key: {"enum": names}}, "allOf": []}
        if registry.default is None:
            mapping["required"] = [registry.key]
        for name in names:
            part = _inlined(registry.get(name).model_json_schema())
            part["properties"] = {registry.key: {}, **part.get("properties", {})}
            chosen: dict[str, Any] = {"properties": {registry.key: {"const": name}}}
            if name != registry.default:
                chosen["required"] = [registry.key]
            mapping["allOf"].append({"if": chosen, "then": part})
        return {"anyOf": [{"enum": names}, mapping]}

    def _validate(self, spec: object) -> Part:
        try:
            return self.registry.create(spec)
        except ValidationError as error:
            name = spec.get(self.registry.key, self.registry.default) if isinstance(spec, Mapping) else spec
            problems = explain(error, self.registry.get(cast("str", name)))
            raise PydanticCustomError("part", "wrong part", {"problems": problems}) from error
        except (UnknownNameError, ConfigError) as error:
            path = (self.registry.key,) if isinstance(spec, Mapping) and self.registry.key in spec else ()
            raise PydanticCustomError("part", "wrong part", {"problems": [Problem(path, f": {error}")]}) from error


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema with its definitions in the places that refer to them, so that it can be part of another schema."""
    definitions = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(item) for item in part]
        if not isinstance(part, dict):
            return part
        reference = part.get("$ref", "").removeprefix("#/$defs/")
        inner = definitions.get(reference, {})
        return {key: resolved(value) for key, value in {**inner, **part}.items() if key != "$ref" or not inner}

    result: dict[str, Any] = resolved(schema)
    return result


def _with_article(noun: str) -> str:
    """Return a noun with "a" or "an"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
