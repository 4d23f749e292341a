"""The settings of a run that is saved on the Hugging Face Hub while it trains."""

from __future__ import annotations

from pydantic import ConfigDict, Field, field_validator

from ganzoo.config.model import ConfigModel
from ganzoo.hub.reference import SCHEME, is_repo


class RunOnHub(ConfigModel):
    """Saves the run on the Hugging Face Hub while it trains, so that another machine can continue it.

    Each upload is one commit with the newest checkpoint, the best weights, the log, the samples and a README. The
    training goes on during an upload, and also if the Hub cannot be reached.

    Attributes:
        repo: ``user/name``, a model on the Hub for this run alone. It is created if it does not exist.
        every: in steps. The first checkpoint after each multiple is uploaded, and the last one of a training.
        keep: number of checkpoints in the newest commit. Older commits keep theirs.
        private: a new repo is private. Its samples may show what the training images show.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    repo: str = Field(max_length=200, examples=["user/name"])
    every: int = Field(5000, ge=1)
    keep: int = Field(2, ge=1, le=100)
    private: bool = True

    @field_validator("repo")
    @classmethod
    def _is_a_repo(cls, repo: str) -> str:
        repo = repo.removeprefix(SCHEME)
        if not is_repo(repo):
            raise ValueError(f"'{repo}' is not the name of a model on the Hugging Face Hub; a name is user/name")
        return repo
