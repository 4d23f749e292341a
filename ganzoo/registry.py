"""Names for parts: filled by a decorator, by scanning a package, and by entry points of other distributions."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, ClassVar, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ganzoo.config.validation import Problem, explain, short
from ganzoo.errors import ConfigError, RegistrationError, UnknownNameError, did_you_mean


class Part(BaseModel):
    """A registered piece of a model or a training: its fields are its typed config, its methods build it."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    registered_name: ClassVar[str] = ""


P = TypeVar("P", bound=Part)
C = TypeVar("C", bound=type[Part])


class Registry(Generic[P]):
    """One kind of part: name -> class.

    Args:
        name: the plural that commands and entry points use, for example ``"generator_blocks"``.
        kind: what one part is called in messages, for example ``"generator block"``.
        base: the class that every part of this kind derives from.
        package: the module or package whose import registers the built-in parts.
        key: the key that holds the name in a config (``name: hinge``; data sources use ``source``).

    Parts of other distributions are found by entry points in the group ``ganzoo.<name>``, for example
    ``ganzoo.generator_blocks``. They are imported when a name is not among the built-in ones, or when all names are
    asked for; one that fails to import is named in ``broken`` and harms nothing else.
    """

    def __init__(self, name: str, *, kind: str, base: type[P], package: str, key: str = "name") -> None:
        self.name = name
        self.kind = kind
        self.base = base
        self.key = key
        self.group = f"ganzoo.{self.name}"
        self.broken: dict[str, str] = {}
        self._package = package
        self._parts: dict[str, type[P]] = {}
        self._scanned = False
        self._plugins_loaded = False

    def register(self, name: str) -> Callable[[C], C]:
        """Class decorator that registers a part under ``name``.

        Defining the same class again (a notebook cell run twice) replaces it.

        Raises:
            RegistrationError: if the class is of another kind, or another class has the name.
        """

        def decorate(cls: C) -> C:
            part: type = cls
            if not issubclass(part, self.base):
                base = _where(self.base)
                raise RegistrationError(f"{_where(cls)} cannot be a {self.kind}: it does not derive from {base}.")
            if not f"{cls.__module__}.".startswith(f"{self._package}."):
                self._scan()  # so that a clash with a built-in part is found here, where it is caused
            held = self._parts.get(name)
            if held is not None and _where(held) != _where(cls):
                raise RegistrationError(
                    f"Two parts want to be the {self.kind} '{name}': {_where(held)} and {_where(cls)}."
                )
            cls.registered_name = name
            self._parts[name] = part
            return cls

        return decorate

    def names(self) -> list[str]:
        """All registered names in alphabetical order, plug-ins included."""
        self._scan()
        self._load_plugins()
        return sorted(self._parts)

    def get(self, name: str) -> type[P]:
        """Return the class registered under ``name``.

        Raises:
            UnknownNameError: with the nearest names, and with the plug-ins that could not be imported.
        """
        self._scan()
        if name not in self._parts:
            self._load_plugins()
        if name in self._parts:
            return self._parts[name]
        broken = "".join(f"\nPlug-in '{plugin}' could not be imported: {why}" for plugin, why in self.broken.items())
        near = did_you_mean(name, self._parts)
        raise UnknownNameError(f"No {self.kind} named '{name}'.{near}\nSee all: ganzoo parts {self.name}{broken}")

    def create(self, spec: object) -> P:
        """Make a part from its config: a name, a mapping with the name and fields, or a part itself.

        Raises:
            UnknownNameError: if no part has the name.
            ConfigError: if the spec is of another form.
            pydantic.ValidationError: if a field is wrong.
        """
        if isinstance(spec, self.base):
            return spec
        if isinstance(spec, str):
            return self.get(spec)()
        if isinstance(spec, Mapping):
            fields = dict(spec)
            name = fields.pop(self.key, None)
            if not isinstance(name, str):
                raise ConfigError(f"a {self.kind} needs a '{self.key}', one of {', '.join(self.names())}")
            return self.get(name).model_validate(fields)
        raise ConfigError(f"received {short(spec)}, but a {self.kind} is a name or a mapping with '{self.key}'")

    def spec(self, part: P) -> dict[str, Any]:
        """The config of a part: its name and its fields as plain YAML-ready values. ``create`` reads it back."""
        names = (name for name, cls in self._parts.items() if cls is type(part))
        return {self.key: next(names, part.registered_name), **part.model_dump(mode="json")}

    def field(self) -> PartField:
        """Annotation of a config field that holds a part: ``loss: Annotated[Loss, losses.field()]``."""
        return PartField(cast("Registry[Part]", self))

    def _scan(self) -> None:
        if self._scanned:
            return
        self._scanned = True
        try:
            module = importlib.import_module(self._package)
            for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
                if not found.name.startswith("_"):
                    importlib.import_module(f"{self._package}.{found.name}")
        except BaseException:
            self._scanned = False  # the next call fails in the same place, and does not find half of the parts
            raise

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for entry in entry_points(group=self.group):
            try:
                self._check_plugin(entry.load())
            except (Exception, SystemExit) as error:  # somebody else's code may raise anything, and must break no more
                self.broken[f"{entry.name} ({entry.value})"] = f"{type(error).__name__}: {error}"

    def _check_plugin(self, loaded: object) -> None:
        """Refuse a class that an entry point names and no decorator registered."""
        if isinstance(loaded, type) and loaded not in self._parts.values():
            raise RegistrationError(f'{_where(loaded)} is not decorated with @{self.name}.register("NAME")')


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
        registry = self.registry
        names = registry.names()
        options: list[dict[str, Any]] = [{"enum": names}]
        for name in names:
            part = registry.get(name).model_json_schema()
            properties = {registry.key: {"const": name}, **part.pop("properties", {})}
            required = [registry.key, *part.pop("required", [])]
            options.append({**part, "title": name, "properties": properties, "required": required})
        return {"anyOf": options}

    def _validate(self, spec: object) -> Part:
        try:
            return self.registry.create(spec)
        except ValidationError as error:
            name = spec[self.registry.key] if isinstance(spec, Mapping) else spec
            problems = explain(error, self.registry.get(cast("str", name)))
            raise PydanticCustomError("part", "wrong part", {"problems": problems}) from error
        except (UnknownNameError, ConfigError) as error:
            path = (self.registry.key,) if isinstance(spec, Mapping) and self.registry.key in spec else ()
            raise PydanticCustomError("part", "wrong part", {"problems": [Problem(path, f": {error}")]}) from error


def _where(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
