"""``ganzoo directions``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli.destination import Output, check_outside
from ganzoo.cli.options import RunsFolder, What
from ganzoo.cli.output import info, print_data, print_json, print_table
from ganzoo.errors import GanzooError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.inference.directions import Direction, Method
    from ganzoo.inference.generator import Generator

MAX_SEEDS = 8
"""Largest number of seeds in the picture, which has five images of each seed in a row."""


def directions(
    what: What,
    count: Annotated[
        int | None, typer.Option(min=1, max=64, help="Number of directions to compute (default: up to 10).")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="sefa (from the weights) or pca (from samples). Default: the names of the model, if it has names."
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds in the picture, for example 0-2,7.")] = "0-2",
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="Write a picture: one direction in each row. - for standard output, without the table.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NUMBER=NAME",
            help="Save a direction of sefa, or of --method, under a name in the bundle's folder; -2=fair is the "
            "opposite of direction 2. Repeatable. The names replace the earlier names.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the vectors.")] = False,
    runs: RunsFolder = None,
) -> None:
    """List directions of the latent space, each of which changes an image in one way.

    The table has the option of ganzoo generate that moves images along each direction. The number after = is the
    strength, from -10 to 10.
    """
    from ganzoo.inference.load import load
    from ganzoo.latents import parse_seeds

    numbers = parse_seeds(seeds)
    if len(numbers) > MAX_SEEDS:
        raise GanzooError(f"The picture has up to {MAX_SEEDS} seeds; received {len(numbers)}.")
    chosen_method, names = _method(method), _names(name or ())
    target = None if output is None else Output.parse(output, None).with_suffix(".png")
    picture_only = target is not None and target.is_stdout
    if picture_only and as_json:
        raise GanzooError("--json and -o - both write to standard output. Choose a file with -o FILE.")
    generator = load(what, root=runs, info=info)
    if target is not None:
        target = _checked(target, generator)
    found = generator.directions(count, method=chosen_method or ("sefa" if names else None))
    if names:
        found = _named(generator, found, names)
    if as_json:
        print_json([{"name": d.name, "change": d.change, "vector": d.vector.tolist()} for d in found])
    elif not picture_only:
        _print_directions(generator, found)
    if target is not None:
        from ganzoo import images
        from ganzoo.inference.directions import sheet

        with target.opened() as file:
            file.write(images.encoded(sheet(generator, found, numbers), images.FORMATS[target.suffix]))
        if as_json:
            info(f"Written: {target.path}")
        elif not picture_only:
            print_data(str(target.path))


def _print_directions(generator: Generator, found: Sequence[Direction]) -> None:
    """Print the table, and on standard error a command that uses the first direction."""
    from ganzoo.environment.commands import command, quote
    from ganzoo.hub.load_name import command_word

    is_image = generator.sample_spec.is_image
    change = "mean change of pixels" if is_image else "mean change"
    options = [f"--direction {quote(f'{direction.name}=2')}" for direction in found]
    rows = [
        (d.name, f"{d.change:.1f}" if is_image else f"{d.change:.3g}", o) for d, o in zip(found, options, strict=True)
    ]
    print_table(("direction", change, "option"), rows, right=(change,))
    word, output = command_word(generator.bundle), "--grid -o moved.png" if is_image else "-o moved.npy"
    info(f"Use one: {command('generate', word, options=f'{options[0]} --seeds 0-9 {output}')}")


def _checked(target: Output, generator: Generator) -> Output:
    """The output for the picture.

    Raises:
        GanzooError: if it cannot be the picture of this generator.
    """
    from ganzoo import images
    from ganzoo.hub.load_name import short_name

    if not generator.sample_spec.is_image:
        raise GanzooError(f"'{generator.name}' generates vectors, so there is no picture of its directions.")
    if target.is_folder:
        target = target.file(f"{short_name(generator.bundle)}-directions.png")
    target.check_suffix(list(images.FORMATS))
    check_outside(target, generator)
    return target


def _names(texts: Sequence[str]) -> dict[str, str]:
    """``["1=hair", "-2=fair"]`` -> ``{"1": "hair", "-2": "fair"}``.

    Raises:
        GanzooError: if a text has another form, or a number or a name is given twice.
    """
    from ganzoo.bundle.directions_file import NAME, NAME_RULE

    names: dict[str, str] = {}
    for text in texts:
        number, _, name = text.partition("=")
        if not NAME.fullmatch(name):
            raise GanzooError(f"A name is NUMBER=NAME, as in 1=hair, with {NAME_RULE}; received '{text:.60}'.")
        if number in names or name in names.values():
            raise GanzooError(f"'{text:.60}' has a number or a name that was given before.")
        names[number] = name
    return names


def _named(generator: Generator, found: Sequence[Direction], names: Mapping[str, str]) -> list[Direction]:
    """Save the directions with new names in the bundle, in the order of ``names``, and return them.

    Raises:
        GanzooError: if there is no such direction, or the bundle was downloaded or is part of ganzoo.
    """
    from dataclasses import replace

    from ganzoo.bundle.directions_file import NamedDirection, write_directions
    from ganzoo.bundle.folder import DIRECTIONS
    from ganzoo.bundle.writing import add_file
    from ganzoo.resolve import is_fetched

    bundle = generator.bundle
    if is_fetched(bundle):
        raise GanzooError(
            f"'{bundle.folder}' is a copy that ganzoo manages. Save names in an exported bundle or a run."
        )
    by_number = {str(number): direction for number, direction in enumerate(found, 1)}
    by_number |= {f"-{number}": replace(one, vector=-one.vector) for number, one in by_number.items()}
    for number in names:
        if number not in by_number:
            raise GanzooError(
                f"There is no direction '{number:.40}'; the numbers are 1 to {len(found)}, or more with --count."
            )
    named = [replace(by_number[number], name=name) for number, name in names.items()]
    add_file(bundle, DIRECTIONS, write_directions([NamedDirection(d.name, d.vector) for d in named]))
    info(f"Saved {', '.join(direction.name for direction in named)} in {bundle.folder}")
    return named


def _method(text: str | None) -> Method | None:
    from ganzoo.inference.directions import METHODS

    if text is None:
        return None
    for method in METHODS:
        if text == method:
            return method
    raise GanzooError(f"No method '{text:.40}'.{did_you_mean(text, METHODS)} Allowed: {', '.join(METHODS)}.")
