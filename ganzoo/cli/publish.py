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
    from ganzoo.hub.publish import Publication


def publish(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] user/name",
            help="A run or bundle (default: the newest run), and the model's name on the Hub.",
            autocompletion=complete.trained,
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the new model private.")] = False,
    branch: Annotated[str | None, typer.Option(help="Commit to this branch (default: main).")] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request.")] = False,
    tag: Annotated[str | None, typer.Option(help="A tag for the commit, for example v1.")] = None,
    license: Annotated[str | None, typer.Option(help="License of the weights, for example cc-by-4.0.")] = None,
    message: Annotated[str | None, typer.Option("-m", "--message", help="Message of the commit.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files, their sizes and the card; publish nothing.")
    ] = False,
    space: Annotated[
        str | None,
        typer.Option(
            metavar="user/name",
            help="Also publish a web page with the model as this static Space. Without the argument user/name, publish "
            "only the page.",
        ),
    ] = None,
    runs: RunsFolder = None,
) -> None:
    """Publish a trained generator on the Hugging Face Hub as one commit with a model card, and print its address."""
    from ganzoo.hub.publish import publish as put

    if space is not None and not _names_a_model(names or []):
        if branch or create_pr or tag:
            raise typer.BadParameter("--branch, --create-pr and --tag are for a model; add its name, user/name")
        _publish_page(
            names[0] if names else None,
            space,
            private=private,
            license=license,
            message=message,
            dry_run=dry_run,
            runs=runs,
        )
        return
    what, repo = _names(names or [])
    done = put(
        what,
        repo,
        private=private,
        branch=branch,
        create_pr=create_pr,
        tag=tag,
        license=license,
        message=message,
        dry_run=dry_run,
        space=space,
        root=runs,
        info=info,
    )
    report(done)


def _names_a_model(names: list[str]) -> bool:
    """Whether the names contain the model's name on the Hub. One name can also be a run or a bundle."""
    from ganzoo.hub.reference import is_run_name, parse_reference

    return len(names) > 1 or (
        len(names) == 1
        and not is_run_name(names[0])
        and not Path(names[0]).exists()
        and parse_reference(names[0]) is not None
    )


def _publish_page(what: str | None, space: str, *, dry_run: bool, runs: Path | None, **options: Any) -> None:
    from ganzoo.hub.space import publish_page, space_url

    files = publish_page(what, space, dry_run=dry_run, root=runs, info=info, **options)
    if not dry_run:
        print_data(space_url(space))
        return
    print_table(("file", "size"), [(name, bytes_text(size)) for name, size in files.items()], right=("size",))
    info(f"Would publish {bytes_text(sum(files.values()))} to {space_url(space)}. Nothing was published.")


def _names(names: list[str]) -> tuple[str | None, str]:
    """The run or bundle, None for the newest run, and the name on the Hub."""
    from ganzoo.hub.reference import is_run_name

    if len(names) == 1 and is_run_name(names[0]):
        raise typer.BadParameter(
            f"'{names[0]}' is a run; add the model's name on the Hub: {command('publish', names[0], 'user/name')}",
            param_hint="[RUN] user/name",
        )
    if len(names) not in (1, 2):
        raise typer.BadParameter("give a run or bundle, and user/name", param_hint="[RUN] user/name")
    return names[0] if len(names) == 2 else None, names[-1]


def report(done: Publication) -> None:
    """Print the address of a published model, or the files and the card of a dry run."""
    from ganzoo.bundle.model_card import UNKNOWN_LICENSE

    if done.url is None:
        rows = [(name, bytes_text(size)) for name, size in done.files.items()]
        print_table(("file", "size"), rows, right=("size",))
        print_data("")
        print_data(done.card.rstrip("\n"))
        page = f", and its web page to {done.space_url}" if done.space_url else ""
        info(f"Would publish {bytes_text(sum(done.files.values()))} to {done.repo}{page}. Nothing was published.")
    else:
        print_data(done.url)
        if done.space_url:
            print_data(done.space_url)
        if done.card_kept:
            info("README.md was written or edited by hand, so it was not replaced.")
        info(f"Published as commit {done.commit}. Generate from it: {command('generate', done.repo)}")
    if f"\nlicense: {UNKNOWN_LICENSE}\n" in done.card:
        info("The card has 'license: unknown'. Set a license, for example: --license cc-by-4.0")
