"""A call of a model, told as a span: what was asked of whom, what it took, what it cost. Never what was said."""

from __future__ import annotations

from core.llm.protocol import ChatModel, ChatReply, ChatRequest
from core.telemetry import span


async def traced_reply(model: ChatModel, key: str, request: ChatRequest) -> ChatReply:
    """The model's reply to `request`. Raises what `ChatModel.reply` raises."""
    config = model.config
    with span(
        "model_call",
        key=key,
        provider=config.provider,
        model=config.model,
        max_output_tokens=request.max_output_tokens,
    ) as told:
        told.content(input=lambda: request.model_dump_json(include={"system", "messages"}))
        reply = await model.reply(request)
        usage = reply.usage
        told.note(
            answered_by=reply.model,
            stop=reply.stop.value,
            input_tokens=usage.input + usage.cache_read + usage.cache_write,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            dollars=reply.dollars,
            waited_seconds=reply.waited_seconds,
            failed_tries=len(reply.failures),
            request_id=reply.request_id,
        )
        told.content(output=lambda: reply.message.model_dump_json(include={"role", "parts"}))
        return reply
