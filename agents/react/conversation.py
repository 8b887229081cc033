"""The conversation as the model is shown it: the transcript's items, of which compaction hides some."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from core import ChatReply, Image, Message, Text, ToolCall, ToolResult

Part = Text | Image | ToolCall | ToolResult

CHARACTERS_PER_TOKEN = 4
IMAGE_TOKENS = 1500
STUB_OVER = 400
"""Characters. A shorter result is left as it is: a stub would not be much shorter."""


@dataclass(frozen=True)
class Item:
    """Something said, the transcript's event that it comes from, and its estimated tokens.

    Attributes:
        kept: Where in the workspace the whole of a tool's output lies, if anywhere.
    """

    seq: int
    message: Message
    cost: int
    kept: str = ""

    @classmethod
    def of(cls, seq: int, message: Message, kept: str = "") -> Item:
        """The item, its cost estimated."""
        return cls(seq, message, _tokens(message), kept)

    @property
    def is_reply(self) -> bool:
        """It is the model's own."""
        return self.message.role == "assistant"


@dataclass
class Conversation:
    """What has been said, and how much of it is still shown.

    Attributes:
        stubs_before: Tool results of events before this one are shown as one line.
        images_before: Images of events before this one are not shown.
        summary: Stands for all items after the first and before `summary_before`, but for the task.
        task: The event of the task: what the job is stays whole.
        scale: Tokens as the provider counts them / tokens as estimated here.
        fixed: Estimated tokens of the system prompt and the tools.
    """

    items: list[Item] = field(default_factory=list)
    stubs_before: int = 0
    images_before: int = 0
    summary: str | None = None
    summary_before: int = 0
    task: int | None = None
    scale: float = 1.0
    fixed: int = 0

    def user(self, seq: int, part: Part, kept: str = "") -> None:
        """Something that the model is told."""
        self.items.append(Item.of(seq, Message(role="user", parts=(part,)), kept))

    def reply(self, seq: int, reply: ChatReply) -> None:
        """Something that the model said. An empty message is refused by some providers, so it gets a word."""
        message = reply.message
        if not message.parts and not message.provider_items:
            message = message.model_copy(update={"parts": (Text(text="(nothing said)"),)})
        self.items.append(Item.of(seq, message))

    def shown(self) -> Iterator[Item]:
        """The items as they are shown now."""
        for number, item in enumerate(self.items):
            if number and item.seq < self.summary_before and item.seq != self.task:
                continue
            yield item if item.is_reply else self._reduced(item)
            if number == 0 and self.summary is not None:
                text = f"Your notes on what you have done so far:\n\n{self.summary}"
                yield Item.of(item.seq, Message(role="user", parts=(Text(text=text),)))

    def messages(self) -> tuple[Message, ...]:
        """The messages of the next request: neighbours of the same side become one."""
        found: list[Message] = []
        for item in self.shown():
            if found and found[-1].role == "user" and not item.is_reply:
                found[-1] = Message(role="user", parts=found[-1].parts + item.message.parts)
            else:
                found.append(item.message)
        return tuple(found)

    def tokens(self) -> int:
        """Estimated tokens of what is shown."""
        return int(self.scale * self.raw_tokens())

    def raw_tokens(self) -> int:
        """As `tokens`, by characters alone."""
        return self.fixed + sum(item.cost for item in self.shown())

    def _reduced(self, item: Item) -> Item:
        stub, blind = item.seq < self.stubs_before, item.seq < self.images_before
        part = item.message.parts[0]
        if not isinstance(part, ToolResult) or not (stub or blind):
            return item
        lesser = _lesser(part, item.kept, stub=stub)
        return Item.of(item.seq, Message(role="user", parts=(lesser,)), item.kept)


def _lesser(result: ToolResult, kept: str, *, stub: bool) -> ToolResult:
    """The result without its images and, if `stub`, without its text if that is long."""
    content: list[Text | Image] = [part for part in result.content if isinstance(part, Text)]
    images = len(result.content) - len(content)
    text = "".join(part.text for part in content if isinstance(part, Text))
    if stub and len(text) > STUB_OVER:
        where = f"; the whole is in {kept}" if kept else ""
        content = [Text(text=f"[{len(text)} characters left out to save space{where}]")]
    if images:
        content.append(Text(text=f"[{images} image(s) left out to save space; look again if you need to]"))
    return result.model_copy(update={"content": tuple(content)})


def _tokens(message: Message) -> int:
    if message.provider_items:
        return len(json.dumps(message.provider_items)) // CHARACTERS_PER_TOKEN
    return sum(map(_part_tokens, message.parts))


def _part_tokens(part: Part) -> int:
    if isinstance(part, Text):
        return len(part.text) // CHARACTERS_PER_TOKEN + 1
    if isinstance(part, Image):
        return IMAGE_TOKENS
    if isinstance(part, ToolResult):
        return 8 + sum(map(_part_tokens, part.content))
    return 8 + len(part.raw_arguments) // CHARACTERS_PER_TOKEN
