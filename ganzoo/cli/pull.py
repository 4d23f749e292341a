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
    cache_dir: Annotated[
        Path | None, typer.Option(help="Folder for the files; by default the cache of the Hub.")
    ] = None,
    local_files_only: Annotated[
        bool, typer.Option("--local-files-only", help="Use only local files, without the network.")
    ] = False,
    force_download: Annotated[bool, typer.Option("--force-download", help="Download the files again.")] = False,
) -> None:
    """Download a trained model, verify it, and print its folder. After Ctrl-C, the same command continues."""
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
        info("The downloaded files are kept. Run the same command again to download the rest.")
        raise
    print_data(str(folder))
    what = path_word(folder) if cache_dir is not None or local_files_only else name
    options = "" if revision is None or what != name else f"--revision {quote(revision)} "
    generate = command("generate", what, options=f"{options}--grid -o grid.png")
    info(f"{bytes_text(folder_bytes(folder))}, verified. Generate: {generate}")
