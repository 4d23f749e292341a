"""The base class of everything that a config consists of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

_NUMBERS: dict[str, core_schema.ErrorType] = {"int": "int_type", "float": "float_type"}
"""Kind of a number in pydantic's schema -> the error for a value of another kind."""
_NESTED = ("schema", "fields", "items_schema", "keys_schema", "values_schema", "choices")
"""Keys of pydantic's schemas under which there are schemas."""


class _Refuse:
    """Raises an error of this kind for true and false."""

    def __init__(self, kind: core_schema.ErrorType) -> None:
        self._kind = kind

    def __call__(self, value: Any) -> Any:
        if isinstance(value, bool):
            raise PydanticKnownError(self._kind)
        return value


def _checked(schema: Any) -> Any:
    """The schema with a check before each number."""
    if isinstance(schema, list | tuple):
        return type(schema)(map(_checked, schema))
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in _NUMBERS:
        return core_schema.no_info_before_validator_function(_Refuse(_NUMBERS[schema["type"]]), schema)
    if "type" not in schema:  # fields by name
        return {name: _checked(field) for name, field in schema.items()}
    return {key: _checked(value) if key in _NESTED else value for key, value in schema.items()}


class ConfigModel(BaseModel):
    """A group of keys. It refuses true and false where a number is needed, which pydantic reads as 1 and 0."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        made: CoreSchema = _checked(handler(source))
        return made
