"""Fetches bundles from the Hugging Face Hub and verifies everything: names, sizes, hashes, then the content.

``huggingface_hub`` takes about a second to import, so a bundle in the cache is found without it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ganzoo.bundle.folder import CARD, CONFIG, LIMITS, METADATA, Bundle, read_bundle, read_metadata
from ganzoo.environment.commands import command
from ganzoo.environment.places import expanded
from ganzoo.errors import BundleError, HubError, did_you_mean
from ganzoo.hub.errors import Situation, explained, not_cached, unreachable
from ganzoo.hub.file_hashes import differs, known_hash
from ganzoo.hub.reference import DEFAULTS, SCHEME, HubOptions, HubReference, cached_snapshot
from ganzoo.hub.run_files import checkpoint_steps

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_log = logging.getLogger("ganzoo")
_T = TypeVar("_T")
_TRIES, _LONGEST_PAUSE = 4, 30.0


def fetch(reference: HubReference, options: HubOptions, *, files: Collection[str] | None = None) -> Bundle:
    """The verified bundle of a model on the Hub: from the cache if its commit is pinned, else the Hub's current one.

    If the Hub cannot be reached, the copy in the cache is used, with a warning.

    Args:
        reference: the model, with its revision.
        options: token, cache and so on.
        files: the files that the caller reads next. Only these are fetched, with config.json and metadata.json, and
            their content is kept in the bundle. None fetches all files and keeps none.

    Raises:
        HubError: if it cannot be fetched.
        BundleError: if it is damaged or unsafe.
    """
    if options.local_files_only and options.force_download:
        raise HubError("local_files_only and force_download exclude each other.")
    if not options.force_download and (reference.pinned or _may_not_ask(options)):
        folder = cached_snapshot(reference, cache_folder(options))
        if folder is not None and is_complete(folder, files):
            return _verified(folder, reference, files)
    if _may_not_ask(options):
        raise not_cached(Situation(reference))
    try:
        folder = _download(reference, options, files)
        return _verified(folder, reference, files, is_fresh=options.force_download)
    except (HubError, BundleError):
        raise
    except Exception as error:
        return _instead(error, reference, options, files)


def cache_folder(options: HubOptions = DEFAULTS) -> Path:
    """The Hub's cache: ``cache_dir``, else the folder that HF_HUB_CACHE or HF_HOME names."""
    if options.cache_dir is not None:
        return expanded(options.cache_dir)
    from huggingface_hub import constants

    return expanded(constants.HF_HUB_CACHE, variable="HF_HOME")  # the client leaves a "~" that it cannot replace


def endpoint() -> str:
    """The address of the Hub (HF_ENDPOINT)."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def client(token: str | bool | None) -> HfApi:
    """The client of huggingface_hub, which sends ganzoo's name and version."""
    from huggingface_hub import HfApi

    from ganzoo.version import __version__

    return HfApi(token=token, library_name="ganzoo", library_version=__version__)


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Hide the progress bars of the client."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def with_retries(ask: Callable[[], _T]) -> _T:
    """Call, and call again after HTTP status 429 or 5xx: after ``Retry-After`` seconds, or 1, 2 and 4 seconds."""
    for attempt in range(_TRIES - 1):
        try:
            return ask()
        except Exception as error:
            response = getattr(error, "response", None)
            status = getattr(response, "status_code", 0)
            if status != 429 and status < 500:
                raise
            wanted = str(response.headers.get("Retry-After", "")) if response is not None else ""
            time.sleep(min(_LONGEST_PAUSE, float(wanted) if wanted.isdecimal() else 2.0**attempt))
    return ask()


def is_complete(folder: Path, files: Iterable[str] | None) -> bool:
    """Whether a folder of the cache has these files of a bundle, or by default all files that it lists."""
    try:
        names = files if files is not None else list(read_metadata(folder).files)
    except BundleError:
        return False
    return all((folder / name).is_file() for name in (CONFIG, METADATA, *names))


def _may_not_ask(options: HubOptions) -> bool:
    from huggingface_hub import constants

    return options.local_files_only or bool(constants.HF_HUB_OFFLINE)


def _download(reference: HubReference, options: HubOptions, files: Collection[str] | None) -> Path:
    """Fetch the files that are not in the cache. Names and sizes are checked before anything is fetched."""
    from huggingface_hub import constants, hf_hub_download

    api = client(options.token)
    seconds = constants.HF_HUB_ETAG_TIMEOUT
    info = with_retries(
        lambda: api.model_info(reference.repo, revision=reference.revision, files_metadata=True, timeout=seconds)
    )
    siblings = info.siblings or ()
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in siblings}
    _check_listing(reference, sizes, library=info.library_name)

    def get(name: str, revision: str | None) -> Path:
        path = hf_hub_download(
            reference.repo,
            name,
            revision=revision,
            cache_dir=cache_folder(options),
            token=options.token,
            force_download=options.force_download,
            library_name="ganzoo",
            etag_timeout=seconds,
        )
        return Path(path)

    folder = get(METADATA, reference.revision).parent
    if folder.name != info.sha:
        raise HubError(f"{reference} changed during the download. Try again: ganzoo pull {reference}")
    try:
        listed = read_metadata(folder).files
    except BundleError as error:
        raise BundleError(f"{reference}: {error}") from error
    names = set(listed) | ({CARD} & set(sizes)) if files is None else {CONFIG, *files}
    for name in sorted(names - set(listed) - {CARD}):
        raise BundleError(f"{reference} has no '{name}'. It has {', '.join(sorted(listed))}.")
    for name in sorted(names):
        if name in listed and sizes.get(name) != listed[name].size:
            raise BundleError(
                f"{reference}: {name} has {sizes.get(name, 'no')} bytes; {METADATA} lists {listed[name].size}."
            )
    for name in sorted(names):
        get(name, info.sha)
    known = {sibling.rfilename: known_hash(sibling) for sibling in siblings}
    # read_bundle compares the files with the hashes that are listed
    named = {name for name in names if name not in listed or listed[name].sha256 != known[name]}
    _check_hashes(reference, folder, {name: known[name] for name in sorted({METADATA, *named})})
    return folder


def _check_hashes(reference: HubReference, folder: Path, known: Mapping[str, str | None]) -> None:
    """Refuse a file that differs from the hash that the Hub has of it."""
    for name, digest in known.items():
        if differs(folder / name, digest):
            again = command("pull", str(reference), options="--force-download")
            raise BundleError(
                f"{reference}: {name} is damaged or altered: its hash is not that of commit {folder.name[:12]}. Fetch "
                f"it again: {again}"
            )


def _check_listing(reference: HubReference, sizes: Mapping[str, int], *, library: str | None) -> None:
    """Refuse a repo that is not a bundle, or has files that are too large, before anything is fetched."""
    missing = [name for name in (CONFIG, METADATA) if name not in sizes]
    if missing:
        if checkpoint_steps(sizes):
            raise HubError(
                f"{reference} is a training run that was not exported. Continue it: "
                f"{command('train --resume', f'{SCHEME}{reference}')}, then export and publish it."
            )
        other = f" Its library is {library[:40]!a}." if library and library != "ganzoo" else ""
        raise HubError(f"{reference} is not a ganzoo model: it has no {' and no '.join(missing)}.{other}")
    for name in sorted(LIMITS.keys() & sizes.keys()):
        if sizes[name] > LIMITS[name]:
            raise BundleError(f"{reference}: {name} has {sizes[name]} bytes; allowed: {LIMITS[name]}.")


def _verified(
    folder: Path, reference: HubReference, files: Collection[str] | None, *, is_fresh: bool = False
) -> Bundle:
    try:
        return read_bundle(folder, keep=files or (), download=True)
    except BundleError as error:
        again = (
            "The files were just fetched, so the repo itself is damaged: report it to its owner."
            if is_fresh
            else f"If the copy in the cache is damaged, fetch it again: ganzoo pull {reference} --force-download"
        )
        raise BundleError(f"{reference}: {error} {again}") from error


def _instead(error: Exception, reference: HubReference, options: HubOptions, files: Collection[str] | None) -> Bundle:
    """The copy in the cache if the Hub cannot be reached; otherwise the error, explained."""
    if unreachable(error) and not options.force_download:
        folder = cached_snapshot(reference, cache_folder(options))
        if folder is not None and is_complete(folder, files):
            _log.warning(
                "%s cannot be reached; using the copy of %s in the cache, commit %s.",
                endpoint(),
                reference,
                folder.name[:12],
            )
            return _verified(folder, reference, files)
    near = _near(error, reference, options)
    known = explained(error, Situation(reference, endpoint(), near=near))
    if known is None:
        raise error
    raise known from error


def _near(error: Exception, reference: HubReference, options: HubOptions) -> str:
    """A hint with similar names: repos of the same user, or branches and tags. One request; errors are ignored."""
    kinds = {cls.__name__ for cls in type(error).__mro__}
    with contextlib.suppress(Exception):
        api: Any = client(options.token)
        if "RevisionNotFoundError" in kinds:
            refs = api.list_repo_refs(reference.repo)
            names = [ref.name for ref in (*refs.branches, *refs.tags)]
            has = ", ".join(name[:60] for name in names[:12])
            return f"{did_you_mean(str(reference.revision), names)} It has: {has}." if names else ""
        if "RepositoryNotFoundError" in kinds and "GatedRepoError" not in kinds:
            author = reference.repo.partition("/")[0]
            names = [model.id for model in api.list_models(author=author, limit=200)]
            return did_you_mean(reference.repo, names)
    return ""
