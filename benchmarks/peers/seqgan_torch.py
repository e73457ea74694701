"""SeqGAN on torch's own LSTM, timed: draws, and whole adversarial steps (roll-outs, policy gradient, discriminator).

    python benchmarks/peers/seqgan_torch.py TASK.json RESULT.json

Written as one would write it for speed: all roll-outs of a prefix in one batch, each prefix gone on with from its own recurrent state.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn


class Generator(nn.Module):
    def __init__(self, vocabulary: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary + 1, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocabulary)
        self.vocabulary = vocabulary

    def begin(self, size: int):
        return torch.full((size,), self.vocabulary, dtype=torch.long), None

    def write(self, last, state):
        """The next token, its log probability, and the state after the last one went in."""
        h, state = self.lstm(self.embedding(last)[:, None], state)
        law = torch.log_softmax(self.out(h[:, 0]), dim=-1)
        token = torch.multinomial(law.exp(), 1)[:, 0]
        return token, law.gather(1, token[:, None])[:, 0], state

    def log_probs(self, x):
        before = torch.cat([torch.full((len(x), 1), self.vocabulary, dtype=torch.long), x[:, :-1]], dim=1)
        h, _ = self.lstm(self.embedding(before))
        return torch.log_softmax(self.out(h), dim=-1).gather(2, x[..., None])[..., 0]


class Discriminator(nn.Module):
    def __init__(self, vocabulary: int, inputs: int, filters: int, widths: list[int], hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, inputs)
        self.filters = nn.ModuleList(nn.Conv1d(inputs, filters, width) for width in widths)
        self.hidden, self.out = nn.Linear(filters * len(widths), hidden), nn.Linear(hidden, 1)
        self.widths = widths

    def forward(self, x):
        u = self.embedding(x).transpose(1, 2)
        padded = (nn.functional.pad(u, (0, width - 1)) for width in self.widths)
        pooled = [nn.functional.silu(each(v)).amax(dim=2) for each, v in zip(self.filters, padded, strict=True)]
        return self.out(nn.functional.silu(self.hidden(torch.cat(pooled, dim=1))))[:, 0]


@torch.no_grad()
def sample(generator: Generator, size: int, length: int):
    last, state = generator.begin(size)
    written, log_q = [], torch.zeros(size)
    for _ in range(length):
        last, each, state = generator.write(last, state)
        written.append(last)
        log_q = log_q + each
    return torch.stack(written, dim=1), log_q


@torch.no_grad()
def rewards(generator: Generator, discriminator: Discriminator, x, num_rollouts: int):
    """Mean D over completions of every prefix; D itself for the whole sequence."""
    size, length = x.shape
    found = torch.zeros(size, length)
    _, state = generator.begin(size)
    last = torch.full((size,), generator.vocabulary, dtype=torch.long)
    for place in range(length - 1):
        _, state = generator.lstm(generator.embedding(last)[:, None], state)
        last = x[:, place]
        now = last.repeat_interleave(num_rollouts)
        memory = tuple(each.repeat_interleave(num_rollouts, dim=1).contiguous() for each in state)
        rows = x.repeat_interleave(num_rollouts, dim=0).clone()
        for ahead in range(place + 1, length):
            now, _, memory = generator.write(now, memory)
            rows[:, ahead] = now
        found[:, place] = torch.sigmoid(discriminator(rows)).view(size, num_rollouts).mean(dim=1)
    found[:, -1] = torch.sigmoid(discriminator(x))
    return found


def adversarial_step(parts, data, task) -> None:
    generator, discriminator, of_generator, of_discriminator = parts
    size, length = task["batch"], task["length"]
    loss = nn.functional.binary_cross_entropy_with_logits
    for _ in range(task["discriminator_steps"]):
        real, (fake, _) = data[torch.randint(len(data), (size,))], sample(generator, size, length)
        of_discriminator.zero_grad()
        (loss(discriminator(real), torch.ones(size)) + loss(discriminator(fake), torch.zeros(size))).backward()
        of_discriminator.step()
    x, _ = sample(generator, size, length)
    reward = rewards(generator, discriminator, x, task["rollouts"])
    centered = reward - (reward.sum(0) - reward) / (size - 1)
    of_generator.zero_grad()
    (-(centered * generator.log_probs(x)).sum() / size).backward()
    of_generator.step()


def timed(function, repeats: int) -> list[float]:
    function()
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return found


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    torch.manual_seed(0)
    torch.set_num_threads(task["threads"])
    generator = Generator(task["vocabulary"], task["hidden"])
    if task["kind"] == "sample":
        seconds = timed(lambda: sample(generator, task["batch"], task["length"]), task["repeats"])
    elif task["kind"] == "likelihood":
        x = torch.randint(task["vocabulary"], (task["batch"], task["length"]))
        optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3)

        def step() -> None:
            optimizer.zero_grad()
            (-generator.log_probs(x).sum(dim=1).mean()).backward()
            optimizer.step()

        seconds = timed(step, task["repeats"])
    else:
        discriminator = Discriminator(task["vocabulary"], 32, 64, [1, 2, 3, 4, 5], 64)
        data = torch.randint(task["vocabulary"], (1000, task["length"]))
        optimizers = [torch.optim.Adam(each.parameters(), lr=1e-3) for each in (generator, discriminator)]
        seconds = timed(lambda: adversarial_step((generator, discriminator, *optimizers), data, task), task["repeats"])
    Path(sys.argv[2]).write_text(json.dumps({"seconds": seconds, "packages": {"torch": version("torch")}}))


if __name__ == "__main__":
    main()
