"""JSON schemas of Python types: what an answer is made of, by its TypedDict."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

Schema = dict[str, Any]

BASIC: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "format": "int64"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
}


class Shapes:
    """Makes them, and keeps each TypedDict as a component of its name in the document's registry."""

    def __init__(self, registry: ComponentRegistry) -> None:
        self.registry = registry

    def of(self, hint: Any) -> Schema:
        """The schema of `hint`. An annotation is a format, or a mapping that is laid over the schema."""
        origin, inner = get_origin(hint), get_args(hint)
        if hint is Any or hint is object:
            schema: Schema = {}
        elif hint in BASIC:
            schema = dict(BASIC[hint])
        elif origin is NotRequired:
            schema = self.of(inner[0])
        elif origin is Annotated:
            more = inner[1] if isinstance(inner[1], Mapping) else {"format": inner[1]}
            schema = {**self.of(inner[0]), **more}
        elif origin is Literal:
            schema = {"type": BASIC[type(inner[0])]["type"], "enum": list(inner)}
        elif origin in {list, Sequence}:
            schema = {"type": "array", "items": self.of(inner[0])}
        elif origin in {dict, Mapping}:
            schema = {"type": "object", "additionalProperties": self.of(inner[1])}
        elif origin in {Union, types.UnionType}:
            schema = self._union([each for each in inner if each is not type(None)], nullable=type(None) in inner)
        else:
            schema = self._component(hint)
        return schema

    def _union(self, kinds: Sequence[Any], *, nullable: bool) -> Schema:
        each = [self.of(kind) for kind in kinds]
        if not nullable:
            return {"oneOf": each}
        if len(each) == 1 and "$ref" not in each[0]:
            return {**each[0], "nullable": True}
        return {"allOf" if len(each) == 1 else "oneOf": each, "nullable": True}

    def _component(self, shape: Any) -> Schema:
        name = shape.__name__.lstrip("_").removesuffix("Shape")
        component = ResolvedComponent(name, ResolvedComponent.SCHEMA, object=shape)  # type: ignore[no-untyped-call]
        if component not in self.registry:
            self.registry.register(component)
            component.schema = self._fields(shape)
        ref: Schema = self.registry[component].ref
        return ref

    def _fields(self, shape: Any) -> Schema:
        fields = get_type_hints(shape, include_extras=True)
        # Python 3.11 takes a NotRequired that stands in a postponed annotation for required.
        required = sorted(key for key in shape.__required_keys__ if get_origin(fields[key]) is not NotRequired)
        properties = {key: self.of(hint) for key, hint in fields.items()}
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}
