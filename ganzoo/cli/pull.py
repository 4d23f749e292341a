"""``ganzoo pull``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import complete
from ganzoo.cli.output import info, print_data
from ganzoo.environment.commands import command, path_word, quote
from ganzoo.environment.quantities import bytes_text


def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="user/name or user/name@revision on the Hugging Face Hub, or a pretrained model of the zoo.",
            autocompletion=complete.pretrained,
        ),
    ],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.")] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="Folder for the files (default: the Hub's cache).")] = None,
    local_files_only: Annotated[bool, typer.Option("--local-files-only", help="Use the cache only.")] = False,
    force_download: Annotated[bool, typer.Option("--force-download", help="Fetch the files again.")] = False,
) -> None:
    """Download a trained model with all its files, verify it, and print its folder.

    An interrupted download continues when the command is repeated.
    """
    from ganzoo.bundle.folder import CONFIG, BundleConfig, read_file
    from ganzoo.bundle.strict_json import read_json
    from ganzoo.hub.cache import folder_bytes
    from ganzoo.hub.pull import pull as fetch

    try:
        folder = fetch(
            name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            force_download=force_download,
        )
    except KeyboardInterrupt:
        info("Complete files are kept; the same command fetches the rest.")
        raise
    print_data(str(folder))
    what = path_word(folder) if cache_dir is not None or local_files_only else name
    options = "" if revision is None or what != name else f"--revision {quote(revision)} "
    is_image = BundleConfig.from_dict(read_json(read_file(folder, CONFIG), CONFIG)).sample_spec.is_image
    options += "--grid -o grid.png" if is_image else "-o samples.npy"
    generate = command("generate", what, options=options)
    info(f"{bytes_text(folder_bytes(folder))}, verified. Generate: {generate}")
