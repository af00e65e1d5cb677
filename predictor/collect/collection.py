"""The collection: concurrent requests until every prompt has all its samples."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from predictor.collect.client import Client, SampledReply
from predictor.collect.errors import RefusedError
from predictor.collect.journal import Journal, Refusal, Sample
from predictor.collect.progress import ProgressBar
from predictor.collect.prompts import CollectPrompt
from predictor.collect.sampling import Sampling

Task = tuple[CollectPrompt, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to sample: ``samples`` answers to each prompt, with ``concurrency`` requests at a time.

    ``skip_refused``: a prompt that the server refuses is left out and does not end the run.
    """

    prompts: Sequence[CollectPrompt]
    sampling: Sampling
    samples: int
    concurrency: int
    skip_refused: bool = False

    @property
    def total(self) -> int:
        """The number of samples wanted in all."""
        return len(self.prompts) * self.samples

    def missing(self, journal: Journal) -> Iterator[Task]:
        """The samples that the journal lacks at the moment when each is yielded.

        All samples of a prompt follow each other, so that the server's prefix cache holds the
        prompt.
        """
        for prompt in self.prompts:
            for sample in range(self.samples):
                known = (prompt.prompt_id, sample) in journal.samples
                if not known and prompt.prompt_id not in journal.refusals:
                    yield prompt, sample

    def done(self, journal: Journal) -> int:
        """The number of samples that need no request any more."""
        return self.total - sum(1 for _ in self.missing(journal))


async def collect(plan: Plan, client: Client, journal: Journal, progress: ProgressBar) -> None:
    """Send requests until no sample is missing; each answer goes to the journal at once.

    Raises:
        CollectError: the server refuses a request or does not answer.
    """
    tasks = plan.missing(journal)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(plan.concurrency):
                group.create_task(_work(tasks, plan, client, journal, progress))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _work(
    tasks: Iterator[Task], plan: Plan, client: Client, journal: Journal, progress: ProgressBar
) -> None:
    for prompt, number in tasks:
        try:
            reply = await client.ask(plan.sampling.body(prompt, number), progress.note)
        except RefusedError as error:
            _refuse(error, prompt, plan, journal)
            progress.done = plan.done(journal)
            continue
        journal.add(_sample(prompt, number, reply))
        progress.step()


def _sample(prompt: CollectPrompt, number: int, reply: SampledReply) -> Sample:
    return Sample(
        prompt_id=prompt.prompt_id,
        digest=prompt.digest,
        sample_idx=number,
        response_tokens=reply.tokens,
        input_tokens=reply.prompt_tokens,
        finish_reason=reply.finish_reason,
        capped=reply.capped,
    )


def _remedy(error: RefusedError) -> str:
    if error.status not in {400, 413, 422}:
        return ""
    if "max_tokens" in str(error):
        return "; give a smaller --max-tokens"
    return "; --skip-refused leaves out such prompts"


def _refuse(error: RefusedError, prompt: CollectPrompt, plan: Plan, journal: Journal) -> None:
    """Leave the prompt out, or end the run if the refusal (a wrong key) holds for all prompts."""
    if not plan.skip_refused or error.status not in {400, 413, 422}:
        raise RefusedError(
            error.status, f"the server refuses prompt {prompt.prompt_id!r}, {error}{_remedy(error)}"
        )
    if prompt.prompt_id not in journal.refusals:
        journal.add(Refusal(prompt.prompt_id, prompt.digest, error.status))
