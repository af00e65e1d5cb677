"""From a request of any API to the reply that generates its answer."""

from __future__ import annotations

from starlette.requests import Request

from gateway.emulator.answers.choice import Choice
from gateway.emulator.answers.demand import Demand
from gateway.emulator.answers.make import make_choices
from gateway.emulator.body import GenerationRequest
from gateway.emulator.context import Context, given_id, priority
from gateway.emulator.dialects.reply import Dialect, Frame, GenerationReply
from gateway.emulator.dialects.usage import new_id
from gateway.emulator.prompts.prompt import EmulatorPrompt


def frame_of(
    context: Context,
    request: Request,
    parsed: GenerationRequest,
    prompts: list[EmulatorPrompt],
    prefix: str,
) -> Frame:
    """What the answer repeats; its id is ``prefix`` and the client's id, or a new one."""
    given = given_id(request, parsed.request_id)
    return Frame(
        request_id=f"{prefix}{given}" if given else new_id(prefix),
        model=context.model(parsed),
        prompt_tokens=sum(prompt.tokens for prompt in prompts),
    )


def choices_of(context: Context, demand: Demand, prompts: list[EmulatorPrompt]) -> list[Choice]:
    """The choices that answer the prompts.

    Raises:
        VllmError: 400.
    """
    return make_choices(demand, prompts, context.lengths, context.max_model_len)


def reply_of(
    context: Context,
    request: Request,
    parsed: GenerationRequest,
    dialect: Dialect,
    choices: list[Choice],
) -> GenerationReply:
    """The reply that generates the choices and writes them in the dialect."""
    return GenerationReply(
        context.worker,
        dialect,
        choices,
        priority=priority(request, parsed.priority),
        load_format=request.headers.get("endpoint-load-metrics-format", ""),
    )
