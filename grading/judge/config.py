"""What identifies a judge, so that its record against people is kept per judge and never mixed."""

from __future__ import annotations

from pydantic import Field

from core import Frozen, ModelConfig, digest_of
from grading.judge.answer import ANSWER_SCHEMA, LOOKING_SCHEMA
from grading.judge.prompt import LOOK, PROMPTS


class JudgeConfig(Frozen):
    """A frozen judge.

    Attributes:
        model: Which model, with which settings.
        text_chars: Characters of deliverables shown; beyond, long files are cut in the middle, and it is told.
        page_images: Pages of a submission shown as images beside its text, at most; 0: none.
        max_output_tokens: Of one answer.
        concurrency: Calls at one time; no part of the identity.
    """

    model: ModelConfig
    text_chars: int = Field(default=240_000, ge=1000)
    page_images: int = Field(default=0, ge=0, le=20)
    max_output_tokens: int = Field(default=6000, ge=200)
    concurrency: int = Field(default=4, ge=1)

    @property
    def digest(self) -> str:
        """Of prompt, answer schema, model and settings: a judge with another digest is another judge."""
        said = {
            "prompts": PROMPTS,
            "schema": ANSWER_SCHEMA,
            "model": self.model.name,
            "settings": self.model.settings,
            "text_chars": self.text_chars,
            "max_output_tokens": self.max_output_tokens,
        }
        if self.page_images:  # one that is shown none is who it was before there were any
            said |= {"schema": LOOKING_SCHEMA, "look": LOOK, "page_images": self.page_images}
        return digest_of(said)
