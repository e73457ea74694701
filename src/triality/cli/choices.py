"""What is said about a wrong choice on the command line: the nearest right one, then all of them."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from triality.cli.names import nearest

REGISTRY = ConstructorRegistry()
"""How the command's parser reads options of type ``Literal``."""


@REGISTRY.primitive_rule
def named_choice(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """One of a few names, refused with the nearest of them; the parser's own rule for it names all and suggests none."""
    if get_origin(info.type) is not Literal:
        return None
    names: tuple[str, ...] = get_args(info.type)

    def choose(given: list[str]) -> str:
        if given[0] not in names:
            raise ValueError(f"expected a choice, got '{given[0]}'; {nearest(given[0], names)}")
        return given[0]

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(names)}}}",
        instance_from_str=choose,
        is_instance=lambda value: value in names,
        str_from_instance=lambda value: [value],
    )
