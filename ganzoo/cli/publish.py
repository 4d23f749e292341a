"""``ganzoo publish``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import complete
from ganzoo.cli.options import RunsFolder
from ganzoo.cli.output import info, print_data, print_table
from ganzoo.environment.commands import command
from ganzoo.environment.quantities import bytes_text

if TYPE_CHECKING:
    from ganzoo.hub.pretrained import Pretrained
    from ganzoo.hub.publish import Publication


def publish(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] user/name",
            help="A run or bundle; by default the newest run. Then the model's name on the Hub.",
            autocompletion=complete.trained,
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Create the model as private.")] = False,
    branch: Annotated[str | None, typer.Option(help="Commit to this branch; by default main.")] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Publish as a pull request.")] = False,
    tag: Annotated[str | None, typer.Option(help="Tag of the new version, for example v1.")] = None,
    license: Annotated[
        str | None, typer.Option(help="License of the weights, for example apache-2.0 or cc-by-4.0.")
    ] = None,
    message: Annotated[str | None, typer.Option("-m", "--message", help="Message of the commit.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files, their sizes and the model card, without publishing.")
    ] = False,
    zoo: Annotated[
        str | None, typer.Option(metavar="NAME", help="Publish a pretrained model of the zoo, and update its index.")
    ] = None,
    runs: RunsFolder = None,
) -> None:
    """Publish a trained generator and its model card on the Hugging Face Hub as one commit, and print its URL."""
    from ganzoo.cli.generate import tell_export
    from ganzoo.hub.publish import publish as put
    from ganzoo.hub.zoo_owner import publish_pretrained
    from ganzoo.resolve import find_bundle

    options: dict[str, Any] = {"tag": tag, "license": license, "message": message, "private": private}
    options["dry_run"] = dry_run
    if zoo is not None:
        if len(names or ()) > 1 or branch or create_pr:
            raise typer.BadParameter("with --zoo, give a run or a bundle at most, and no branch or pull request")
        made, index = publish_pretrained(_entry(zoo), names[0] if names else None, root=runs, **options)
        _report(made)
        if index is not None:
            info(f"The commit and the hashes are in {index}")
        return
    what, repo = _places(names or [], runs)
    folder = find_bundle(what, root=runs, before_export=tell_export)
    _report(put(folder, repo, branch=branch, create_pr=create_pr, **options))


def _places(names: list[str], root: Path | None) -> tuple[str, str]:
    """Return the run or bundle, and the model's name on the Hub."""
    from ganzoo.hub.reference import is_run_name
    from ganzoo.runs import find_run

    if len(names) == 1:
        if is_run_name(names[0]):
            raise typer.BadParameter(
                f"'{names[0]}' is a run; name the model on the Hub, too: {command('publish', names[0], 'user/name')}",
                param_hint="[RUN] user/name",
            )
        return str(find_run(None, root=root).folder), names[0]
    if len(names) != 2:
        raise typer.BadParameter("give a run or bundle, and user/name", param_hint="[RUN] user/name")
    return names[0], names[1]


def _entry(name: str) -> Pretrained:
    from ganzoo.errors import UnknownNameError, did_you_mean
    from ganzoo.hub.pretrained import pretrained_models

    models = pretrained_models()
    if name not in models:
        near = did_you_mean(name, models)
        raise UnknownNameError(f"No pretrained model named '{name}'.{near}\nSee all: ganzoo list --pretrained")
    return models[name]


def _report(made: Publication) -> None:
    from ganzoo.bundle.model_card import UNKNOWN_LICENSE

    if made.url is None:
        rows = [(name, bytes_text(size)) for name, size in made.files.items()]
        print_table(("file", "size"), rows, right=("size",))
        print_data("")
        print_data(made.card.rstrip("\n"))
        info(f"Would publish {bytes_text(sum(made.files.values()))} to {made.repo}. Nothing was published.")
    else:
        print_data(made.url)
        if made.card_kept:
            info("README.md on the Hub was edited by hand, so it was not changed.")
        info(f"Published as commit {made.commit}. Generate from it: {command('generate', made.repo)}")
    if f"\nlicense: {UNKNOWN_LICENSE}\n" in made.card:
        info("The model card has the license 'unknown'. Choose one, for example: --license cc-by-4.0")
