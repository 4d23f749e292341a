"""Puts a bundle on the Hugging Face Hub: one commit, or nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.bundle.folder import CARD, CONFIG, LIMITS, METADATA, ONNX, Bundle, read_bundle
from ganzoo.bundle.model_card import check_license, is_ours, model_card
from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.bundle.schema import BundleMetadata
from ganzoo.bundle.strict_json import read_json, write_json
from ganzoo.environment.devices import cpu_count
from ganzoo.errors import BundleError, GanzooError, HubError, did_you_mean
from ganzoo.hub.errors import Situation, explained
from ganzoo.hub.fetch import client, endpoint, patiently
from ganzoo.hub.reference import HubReference, require_reference

_SPEED_SECONDS = 0.5


class Publication(NamedTuple):
    """What was published, or would be.

    Attributes:
        repo: ``user/name``.
        url: of the model, or of the pull request; None for a dry run.
        commit: 40 hex digits; None for a dry run.
        files: name -> size in bytes.
        card: README.md as ganzoo writes it.
        card_kept: a README.md that somebody wrote or edited was left as it is.
    """

    repo: str
    url: str | None
    commit: str | None
    files: Mapping[str, int]
    card: str
    card_kept: bool = False


def publish(
    what: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool = False,
    branch: str | None = None,
    create_pr: bool = False,
    tag: str | None = None,
    license: str | None = None,
    message: str | None = None,
    dry_run: bool = False,
    token: str | bool | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Publication:
    """Publish a trained generator: its bundle becomes one commit of a model on the Hub, which is made if it is new.

    Args:
        what: a run or a bundle on this machine, as ``ganzoo.load`` takes them. A run is exported if it has to be.
        repo_id: ``user/name``.
        private: make the new model private.
        branch: to commit to, made if it is new; by default ``main``.
        create_pr: open a pull request in place of a commit on the branch.
        tag: a name for the new commit, which must not be there yet.
        license: of the weights, an identifier of the Hub such as "apache-2.0", for the card; by default
            what was stated at export.
        message: of the commit.
        dry_run: only say what would be published; the Hub is not asked.
        token: by default HF_TOKEN or what ``hf auth login`` has saved.
        root: where runs are kept; by default the variable GANZOO_RUNS, or ``runs/`` in the present folder.

    Raises:
        HubError: if the Hub refuses or cannot be reached. Nothing is changed then, except that a new model may be there
            and empty.
        GanzooError: if there is no such run or bundle, or it must not be published.
    """
    from ganzoo.evaluation.record import with_metrics
    from ganzoo.resolve import find_bundle

    reference = require_reference(repo_id, revision=branch)
    if reference.pinned:
        raise HubError(f"{repo_id}: a commit cannot be changed; give a branch.")
    if tag is not None and create_pr:
        raise HubError("A pull request has no commit to tag yet; merge it first, then tag it.")
    if license is not None:
        check_license(license)
    bundle = _public(with_metrics(read_bundle(find_bundle(what, root=root)), write=not dry_run))
    contents = bundle_contents(bundle)
    speed = checked_speed(bundle)
    names = [name for name in contents if name != METADATA]
    facts = bundle.metadata.facts
    card = model_card(bundle.config, facts, files=names, repo_id=reference.repo, license=license, speed=speed)
    contents[CARD] = card.encode()
    sizes = {name: len(content) for name, content in sorted(contents.items())}
    if dry_run:
        return Publication(reference.repo, None, None, sizes, card)
    try:
        return _commit(
            reference, contents, card, private=private, create_pr=create_pr, tag=tag, message=message, token=token
        )
    except GanzooError:
        raise
    except Exception as error:
        known = explained(error, Situation(reference, endpoint(), doing="publish"))
        if known is None:
            raise
        raise known from error


def _public(bundle: Bundle) -> Bundle:
    """The bundle without places on this machine, which older versions wrote into bundles.

    Raises:
        BundleError: if config.json has one, because its generator is built from that file.
    """
    from ganzoo.bundle.public_values import local_text, public_facts

    place = local_text(bundle.config.to_dict())
    if place is not None:
        raise BundleError(
            f"Bundle '{bundle.folder}': {CONFIG} names a place on this machine, {place[:60]!a}, which others would see."
            " Export the run again: ganzoo export RUN"
        )
    return replace(bundle, metadata=bundle.metadata._replace(facts=public_facts(bundle.metadata.facts)))


def bundle_contents(bundle: Bundle) -> dict[str, bytes]:
    """The bytes of every file of a bundle but the card, each verified; the card has no hash in metadata.json."""
    records = {name: record for name, record in bundle.metadata.files.items() if name != CARD}
    contents = {name: bundle.read(name) for name in sorted(records)}
    metadata = BundleMetadata(records, bundle.metadata.facts)
    written = (bundle.folder / METADATA).read_bytes()
    same = BundleMetadata.from_dict(read_json(written, METADATA)) == metadata
    contents[METADATA] = written if same else write_json(metadata.to_dict())
    return contents


def checked_speed(bundle: Bundle) -> str | None:
    """Check that a bundle is what others can load, and measure how fast it generates, where ONNX Runtime is there.

    Raises:
        BundleError: if others would refuse it.
    """
    from ganzoo.environment.requirements import is_installed

    report = check_onnx(bundle.read(ONNX), bundle.config)
    bundle.weights()
    adds = f"One sample takes {report.multiply_adds:,} multiply-adds"
    if not is_installed("onnxruntime"):
        return f"{adds}."
    from ganzoo.inference.generator import Generator

    generator = Generator.from_bundle(bundle.folder, device="cpu")
    count, size = 0, min(16, generator.batch_size)
    generator.sample(range(size))
    begun = time.perf_counter()
    while time.perf_counter() - begun < _SPEED_SECONDS:
        generator.sample(range(size))
        count += size
    rate = count / (time.perf_counter() - begun)
    return f"{adds}; ONNX Runtime made {rate:,.0f} a second on {cpu_count()} CPU cores, {size} at a time."


def _commit(
    reference: HubReference,
    contents: dict[str, bytes],
    card: str,
    *,
    private: bool,
    create_pr: bool,
    tag: str | None,
    message: str | None,
    token: str | bool | None,
) -> Publication:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api: Any = client(token)
    info = _existing(api, reference, private=private)
    if tag is not None:
        _check_tag(api, reference, tag)
    present = {sibling.rfilename for sibling in info.siblings or ()}
    kept = CARD in present and not is_ours(_present_card(api, reference.repo, info.sha, token))
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in sorted(contents.items())
        if not (kept and name == CARD)
    ]
    stale = sorted((present & set(LIMITS)) - set(contents))
    operations += [CommitOperationDelete(path_in_repo=name) for name in stale]
    made = api.create_commit(
        reference.repo,
        operations,
        commit_message=message or "Publish with ganzoo",
        revision=reference.revision,
        create_pr=create_pr,
        parent_commit=info.sha,
    )
    if tag is not None:
        api.create_tag(reference.repo, tag=tag, revision=made.oid)
    sizes = {name: len(content) for name, content in sorted(contents.items())}
    url = made.pr_url if create_pr else f"{endpoint()}/{reference.repo}"
    return Publication(reference.repo, url, made.oid, sizes, card, card_kept=kept)


def _existing(api: Any, reference: HubReference, *, private: bool) -> Any:
    """What stands on the branch; the model and the branch are made if they are not there."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = patiently(lambda: api.model_info(reference.repo))
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        api.create_repo(reference.repo, private=private or None)
        info = patiently(lambda: api.model_info(reference.repo))
    if private and not info.private:
        raise HubError(
            f"{reference.repo} is there and public, so publishing to it is not private. Change it on "
            f"{endpoint()}/{reference.repo}/settings, or choose another name."
        )
    if reference.revision in (None, "main"):
        return info
    try:
        return api.model_info(reference.repo, revision=reference.revision)
    except RevisionNotFoundError:
        api.create_branch(reference.repo, branch=reference.revision)
        return api.model_info(reference.repo, revision=reference.revision)


def _check_tag(api: Any, reference: HubReference, tag: str) -> None:
    tags = [ref.name for ref in api.list_repo_refs(reference.repo).tags]
    if tag in tags:
        raise HubError(f"{reference.repo} has a tag '{tag}' already, which people rely on; choose another.")
    if require_reference(reference.repo, revision=tag).pinned:
        raise HubError(f"'{tag}' looks like a commit and is no good tag.{did_you_mean(tag, tags)}")


def _present_card(api: Any, repo: str, commit: str, token: str | bool | None) -> str:
    """The README.md that stands there; one that is too large to be ours counts as text of somebody else."""
    path = Path(api.hf_hub_download(repo, CARD, revision=commit))
    if path.stat().st_size > LIMITS[CARD]:
        return "too large"
    return path.read_text(encoding="utf-8", errors="replace")
