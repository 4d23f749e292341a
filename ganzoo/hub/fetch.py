"""Fetches bundles from the Hugging Face Hub, and trusts nothing that comes: names, sizes, hashes, then the content.

``huggingface_hub`` takes about a second to import, so what is in the cache already is found without it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ganzoo.bundle.folder import CARD, CONFIG, LIMITS, METADATA, Bundle, read_bundle
from ganzoo.bundle.schema import BundleMetadata, FileRecord
from ganzoo.bundle.strict_json import read_json
from ganzoo.environment.places import expanded
from ganzoo.errors import BundleError, HubError, did_you_mean
from ganzoo.hub.errors import Situation, explained, not_cached, unreachable
from ganzoo.hub.reference import DEFAULTS, HubOptions, HubReference, cached_snapshot

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_log = logging.getLogger("ganzoo")
_T = TypeVar("_T")
_TRIES, _LONGEST_PAUSE = 4, 30.0


def fetch(reference: HubReference, options: HubOptions, *, files: Sequence[str] | None = None) -> Bundle:
    """The bundle of a model on the Hub: from the cache if its commit is pinned, else as the Hub has it now.

    Where the Hub cannot be reached, the copy in the cache stands in, with a warning.

    Args:
        reference: the model.
        options: token, cache and so on; the revision is the reference's.
        files: those that are needed besides config.json and metadata.json; by default all.

    Raises:
        HubError: if it cannot be fetched.
        BundleError: if it is damaged or unsafe.
    """
    if options.local_files_only and options.force_download:
        raise HubError("local_files_only and force_download exclude each other.")
    if not options.force_download and (reference.pinned or _may_not_ask(options)):
        folder = cached_snapshot(reference, cache_folder(options))
        if folder is not None and is_complete(folder, files):
            return _verified(folder, reference)
    if _may_not_ask(options):
        raise not_cached(Situation(reference))
    try:
        return _verified(_download(reference, options, files), reference, fetched=options.force_download)
    except (HubError, BundleError):
        raise
    except Exception as error:
        return _instead(error, reference, options, files)


def cache_folder(options: HubOptions = DEFAULTS) -> Path:
    """The Hub's cache: ``cache_dir``, else what HF_HUB_CACHE and HF_HOME say."""
    if options.cache_dir is not None:
        return expanded(options.cache_dir)
    from huggingface_hub import constants

    return expanded(constants.HF_HUB_CACHE, variable="HF_HOME")  # the client leaves a "~" that it cannot replace


def endpoint() -> str:
    """Address of the Hub (HF_ENDPOINT)."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def client(token: str | bool | None) -> HfApi:
    """The Hub's own client, which says who is asking."""
    from huggingface_hub import HfApi

    from ganzoo.version import __version__

    return HfApi(token=token, library_name="ganzoo", library_version=__version__)


def patiently(ask: Callable[[], _T]) -> _T:
    """Call again where the Hub asks for a pause or stumbles (429, 5xx), as long as it says or 1, 2, 4 seconds."""
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
    """Whether a folder of the cache holds these files of a bundle, or by default all that it lists."""
    try:
        names = files if files is not None else list(listed_files(folder))
    except BundleError:
        return False
    return all((folder / name).is_file() for name in (CONFIG, METADATA, *names))


def listed_files(folder: Path) -> Mapping[str, FileRecord]:
    """The records in a folder's metadata.json.

    Raises:
        BundleError: if it is missing, damaged, or names a file that no bundle has.
    """
    path = folder / METADATA
    if not path.is_file() or path.stat().st_size > LIMITS[METADATA]:
        raise BundleError(f"{METADATA} is missing or too large.")
    files = BundleMetadata.from_dict(read_json(path.read_bytes(), METADATA)).files
    for name in files:
        if name not in LIMITS:
            raise BundleError(f"{METADATA} lists {name[:80]!a}, which is no file of a bundle.")
    return files


def _may_not_ask(options: HubOptions) -> bool:
    from huggingface_hub import constants

    return options.local_files_only or bool(constants.HF_HUB_OFFLINE)


def _download(reference: HubReference, options: HubOptions, files: Sequence[str] | None) -> Path:
    """Fetch what is not in the cache yet. Nothing is fetched before names and sizes are known to be a bundle's."""
    from huggingface_hub import constants, hf_hub_download

    api = client(options.token)
    seconds = constants.HF_HUB_ETAG_TIMEOUT
    info = patiently(
        lambda: api.model_info(reference.repo, revision=reference.revision, files_metadata=True, timeout=seconds)
    )
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
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
        raise HubError(f"{reference} changed while it was fetched. Try again: ganzoo pull {reference}")
    try:
        listed = listed_files(folder)
    except BundleError as error:
        raise BundleError(f"{reference}: {error}") from error
    names = set(listed) | ({CARD} & set(sizes)) if files is None else {CONFIG, *files}
    for name in sorted(names - set(listed) - {CARD}):
        raise BundleError(f"{reference} has no '{name}'. It has {', '.join(sorted(listed))}.")
    for name in sorted(names):
        if name in listed and sizes.get(name) != listed[name].size:
            raise BundleError(
                f"{reference}: {name} has {sizes.get(name, 'no')} bytes, not {listed[name].size} as listed."
            )
    for name in sorted(names):
        get(name, info.sha)
    return folder


def _check_listing(reference: HubReference, sizes: Mapping[str, int], *, library: str | None) -> None:
    """Refuse a repo that holds no bundle, or files that no bundle may have, before anything is fetched."""
    missing = [name for name in (CONFIG, METADATA) if name not in sizes]
    if missing:
        made = f" Its library is {library[:40]!a}." if library and library != "ganzoo" else ""
        raise HubError(f"{reference} is no ganzoo model: it has no {' and no '.join(missing)}.{made}")
    for name in sorted(LIMITS.keys() & sizes.keys()):
        if sizes[name] > LIMITS[name]:
            raise BundleError(f"{reference}: {name} has {sizes[name]} bytes; allowed: {LIMITS[name]}.")


def _verified(folder: Path, reference: HubReference, *, fetched: bool = False) -> Bundle:
    try:
        return read_bundle(folder, download=True)
    except BundleError as error:
        again = (
            "It was just fetched, so the repo itself is wrong: tell its owner."
            if fetched
            else f"If the copy in the cache is damaged, this fetches it again: ganzoo pull {reference} --force-download"
        )
        raise BundleError(f"{reference}: {error} {again}") from error


def _instead(error: Exception, reference: HubReference, options: HubOptions, files: Sequence[str] | None) -> Bundle:
    """The copy in the cache where the Hub is out of reach; otherwise the error, explained."""
    if unreachable(error) and not options.force_download:
        folder = cached_snapshot(reference, cache_folder(options))
        if folder is not None and is_complete(folder, files):
            _log.warning(
                "%s cannot be reached; using the copy of %s in the cache, commit %s.",
                endpoint(),
                reference,
                folder.name[:12],
            )
            return _verified(folder, reference)
    near = _near(error, reference, options)
    known = explained(error, Situation(reference, endpoint(), near=near))
    if known is None:
        raise error
    raise known from error


def _near(error: Exception, reference: HubReference, options: HubOptions) -> str:
    """What the user may have meant: the repos of the same user, or the branches and tags. One request, no error."""
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
