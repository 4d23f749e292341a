"""Puts a bundle on the Hugging Face Hub: one commit for the model, and one for its web page if there is one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.bundle.folder import CARD, LIMITS, METADATA, Bundle, read_file
from ganzoo.bundle.model_card import check_license, is_ours, model_card
from ganzoo.bundle.schema import BundleMetadata
from ganzoo.bundle.strict_json import read_json, write_json
from ganzoo.environment.devices import cpu_count
from ganzoo.environment.quantities import cores_text
from ganzoo.errors import HubError
from ganzoo.hub.errors import Situation, explaining
from ganzoo.hub.fetch import client, endpoint, with_retries
from ganzoo.hub.public_bundle import public_bundle
from ganzoo.hub.reference import HubReference, require_reference
from ganzoo.hub.space import check_space, publish_space, space_contents, space_url

_SPEED_SECONDS = 0.5


class Publication(NamedTuple):
    """The published files, or the files that a dry run would publish.

    Attributes:
        repo: ``user/name``.
        url: address of the model, or of the pull request; None for a dry run.
        commit: 40 hex digits; None for a dry run.
        files: name -> size in bytes.
        card: README.md as ganzoo writes it.
        card_kept: whether a README.md that a person wrote or edited was kept.
        space_url: address of the web page, if it was published, too.
    """

    repo: str
    url: str | None
    commit: str | None
    files: Mapping[str, int]
    card: str
    card_kept: bool = False
    space_url: str | None = None


def publish(
    what: str | os.PathLike[str] | Bundle | None,
    repo_id: str,
    *,
    private: bool = False,
    branch: str | None = None,
    create_pr: bool = False,
    tag: str | None = None,
    license: str | None = None,
    message: str | None = None,
    dry_run: bool = False,
    space: str | None = None,
    token: str | bool | None = None,
    root: str | os.PathLike[str] | None = None,
    info: Callable[[str], None] = lambda text: None,
) -> Publication:
    """Publish a trained generator: its bundle becomes one commit of a model on the Hub. A new model is created.

    Args:
        what: a run or a bundle on this machine, as for ``ganzoo.load``; a verified bundle; or None for the newest run.
            A run without an up-to-date bundle is exported first.
        repo_id: ``user/name``.
        private: make the new model private.
        branch: the branch for the commit, created if it is new; by default ``main``.
        create_pr: open a pull request instead of committing to the branch.
        tag: a new tag for the commit.
        license: license of the weights for the card, an identifier of the Hub such as "apache-2.0"; by default
            the license given at export.
        message: message of the commit.
        dry_run: return what would be published. No request is sent to the Hub.
        space: ``user/name`` of a static Space, to publish the web page of the model as well, before the model.
        token: by default HF_TOKEN or the token saved by ``hf auth login``.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the current folder.
        info: called with a message before a run is exported.

    Raises:
        HubError: if the Hub refuses or cannot be reached. The model is unchanged then, but a new one may exist and be
            empty. The Space is changed first, after the checks of both.
        GanzooError: if there is no such run or bundle, or it must not be published.
    """
    reference = require_reference(repo_id, revision=branch)
    if reference.pinned:
        raise HubError(f"{repo_id}: a commit cannot be changed; name a branch.")
    if tag is not None and create_pr:
        raise HubError("A pull request has no commit to tag yet; merge it first, then tag it.")
    if license is not None:
        check_license(license)
    if space is not None:
        check_space(space)
    bundle = public_bundle(what, root=root, write=not dry_run, info=info)
    load = None if create_pr else str(reference)
    page = None if space is None else space_contents(bundle, model=reference.repo, load=load, license=license)
    contents = bundle_contents(bundle)
    speed = checked_speed(bundle)
    names = [name for name in contents if name != METADATA]
    facts = bundle.metadata.facts
    page_url = None if space is None else space_url(space)
    card = model_card(
        bundle.config, facts, files=names, load_name=reference.repo, license=license, speed=speed, page_url=page_url
    )
    contents[CARD] = card.encode()
    sizes = {name: len(content) for name, content in sorted(contents.items())}
    if dry_run:
        return Publication(reference.repo, None, None, sizes, card, space_url=page_url)
    situation = Situation(reference, endpoint(), doing="publish")
    api: Any = client(token)
    with explaining(situation):
        _check(api, reference, private=private, tag=tag)
    if space is not None and page is not None:
        publish_space(page, space, private=private, message=message, token=token)
    with explaining(situation):
        model = _opened(api, reference, private=private)
        done = _commit(api, model, reference, contents, card, create_pr=create_pr, tag=tag, message=message)
    return done._replace(space_url=page_url)


def bundle_contents(bundle: Bundle) -> dict[str, bytes]:
    """The verified bytes of every file of a bundle except the model card, which has no hash in metadata.json."""
    records = {name: record for name, record in bundle.metadata.files.items() if name != CARD}
    contents = {name: bundle.read(name) for name in sorted(records)}
    metadata = BundleMetadata(records, bundle.metadata.facts)
    written = read_file(bundle.folder, METADATA)
    same = BundleMetadata.from_dict(read_json(written, METADATA)) == metadata
    contents[METADATA] = written if same else write_json(metadata.to_dict())
    return contents


def checked_speed(bundle: Bundle) -> str | None:
    """Check that others can load a bundle, and measure how fast it generates if ONNX Runtime is installed.

    Raises:
        BundleError: if others could not load it.
    """
    from ganzoo.environment.requirements import is_installed
    from ganzoo.inference.bundle_graph import inspected_graph
    from ganzoo.inference.generator import Generator

    bundle.weights()
    if not is_installed("onnxruntime"):
        return f"One sample takes {inspected_graph(bundle)[1].multiply_adds:,} multiply-adds."
    generator = Generator.from_bundle(bundle, device="cpu")
    if generator.has_critic:
        generator.check_best_of(2)
    if generator.has_encoder:
        generator.load_encoder()
    count, size = 0, min(16, generator.batch_size)
    generator.sample(range(size))
    begun = time.perf_counter()
    while time.perf_counter() - begun < _SPEED_SECONDS:
        generator.sample(range(size))
        count += size
    rate = count / (time.perf_counter() - begun)
    return (
        f"One sample takes {generator.report.multiply_adds:,} multiply-adds; ONNX Runtime made {rate:,.0f} a second on "
        f"{cores_text(cpu_count())}, {size} at a time."
    )


def _commit(
    api: Any,
    model: Any,
    reference: HubReference,
    contents: dict[str, bytes],
    card: str,
    *,
    create_pr: bool,
    tag: str | None,
    message: str | None,
) -> Publication:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    present = {sibling.rfilename for sibling in model.siblings or ()}
    kept = CARD in present and not is_ours(_present_card(api, reference.repo, model.sha))
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in sorted(contents.items())
        if not (kept and name == CARD)
    ]
    stale = sorted((present & set(LIMITS)) - set(contents))
    operations += [CommitOperationDelete(path_in_repo=name) for name in stale]
    commit = api.create_commit(
        reference.repo,
        operations,
        commit_message=message or "Publish with ganzoo",
        revision=reference.revision,
        create_pr=create_pr,
        parent_commit=model.sha,
    )
    if tag is not None:
        api.create_tag(reference.repo, tag=tag, revision=commit.oid)
    sizes = {name: len(content) for name, content in sorted(contents.items())}
    url = commit.pr_url if create_pr else f"{endpoint()}/{reference.repo}"
    return Publication(reference.repo, url, commit.oid, sizes, card, card_kept=kept)


def _check(api: Any, reference: HubReference, *, private: bool, tag: str | None) -> None:
    """Check an existing model before anything is changed.

    Raises:
        HubError: if it is public, but should be private, or has the tag.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if tag is not None and require_reference(reference.repo, revision=tag).pinned:
        raise HubError(f"'{tag}' looks like a commit, so it cannot be a tag.")
    try:
        model = with_retries(lambda: api.model_info(reference.repo))
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return
    if private and not model.private:
        raise HubError(
            f"{reference.repo} exists and is public, so --private has no effect. Change it on "
            f"{endpoint()}/{reference.repo}/settings, or choose another name."
        )
    if tag is not None and tag in [ref.name for ref in api.list_repo_refs(reference.repo).tags]:
        raise HubError(f"{reference.repo} already has a tag '{tag}', and users rely on it; choose another.")


def _opened(api: Any, reference: HubReference, *, private: bool) -> Any:
    """The current state of the branch. The model and the branch are created if they do not exist."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = with_retries(lambda: api.model_info(reference.repo))
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        api.create_repo(reference.repo, private=private or None)
        info = with_retries(lambda: api.model_info(reference.repo))
    if reference.revision in (None, "main"):
        return info
    try:
        return api.model_info(reference.repo, revision=reference.revision)
    except RevisionNotFoundError:
        api.create_branch(reference.repo, branch=reference.revision)
        return api.model_info(reference.repo, revision=reference.revision)


def _present_card(api: Any, repo: str, commit: str) -> str:
    """The README.md on the Hub. A file that is too large for ganzoo's own card is not read."""
    path = Path(api.hf_hub_download(repo, CARD, revision=commit))
    if path.stat().st_size > LIMITS[CARD]:
        return "too large"
    return path.read_text(encoding="utf-8", errors="replace")
