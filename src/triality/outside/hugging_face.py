"""A causal language model of Hugging Face's ``transformers``, in PyTorch, as a generator of known density (extra ``torch``).

    log q(x) = sum_t log softmax(logits_t)[x_t],     the first token given the model's beginning-of-sequence token

On the processor. Sampling is plain: temperature 1, all tokens, no top-k, so that log q is what was sampled from; dropout is off but in
``update``, and there too. Arrays cross the border without being copied where PyTorch and numpy can share them.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from triality.data.optional_packages import import_package
from triality.errors import ConfigError


class HuggingFaceGenerator:
    """``model`` as an ``OutsideGenerator``.

    Args:
        model: a causal language model, such as ``GPT2LMHeadModel``; its parameters are what ``update`` moves.
        length: places of a sequence.
        begin: token that the first one is predicted from.
        end: token that ends a sequence; None where all have one length.
        learning_rate: of Adam in ``update``.
        batch_size: sequences in one pass.

    Raises:
        ConfigError: PyTorch is not installed, the model has too few positions, or a token is outside its vocabulary.
    """

    def __init__(self, model: Any, length: int, begin: int, end: int | None = None, learning_rate: float = 1e-4, batch_size: int = 256):
        torch = import_package("torch", "torch")
        self.torch, self.model, self.length, self.begin, self.end, self.batch_size = torch, model.eval(), length, begin, end, batch_size
        self.vocabulary = int(model.config.vocab_size)
        # Renamed in version 5 of transformers, the older name to be removed.
        self.cache_name = "cache" if "cache" in signature(model.forward).parameters else "past_key_values"
        positions = getattr(model.config, "max_position_embeddings", None)
        if positions is not None and positions < length:
            raise ConfigError(f"expected a model of at least {length} positions, got {positions}; use shorter sequences or another model")
        for name, token in (("begin", begin), ("end", end)):
            if token is not None and not 0 <= token < self.vocabulary:
                raise ConfigError(f"expected {name} to be a token 0 .. {self.vocabulary - 1}, got {token}; use the tokenizer's own")
        self.optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

    def sample(self, num_samples: int) -> tuple[Int[np.ndarray, "n length"], Float[np.ndarray, " n"]]:
        """Draws with their log q; keys and values of what was written are kept in the model's own cache."""
        with self.torch.no_grad():
            parts = [self._sample(size) for size in _sizes(num_samples, self.batch_size)]
        return np.concatenate([tokens.numpy() for tokens, _ in parts]), np.concatenate([log_q.numpy() for _, log_q in parts])

    def log_prob(self, tokens: Int[np.ndarray, "n length"]) -> Float[np.ndarray, " n"]:
        """log q of each sequence, nats."""
        with self.torch.no_grad():
            return np.concatenate([self._log_prob(part).numpy() for part in np.array_split(tokens, _count(len(tokens), self.batch_size))])

    def update(self, tokens: Int[np.ndarray, "n length"], reward: Float[np.ndarray, " n"]) -> None:
        """One step of Adam up E[reward], by the score function with the mean of the other rewards as baseline."""
        reward = np.asarray(reward, np.float32)
        centered = reward - (reward.sum() - reward) / max(len(reward) - 1, 1)
        self._step(tokens, centered / len(reward))

    def fit(self, tokens: Int[np.ndarray, "n length"]) -> float:
        """One step of Adam up the mean log likelihood; returns it, nats a sequence, as it was before."""
        return self._step(tokens, np.full(len(tokens), 1.0 / len(tokens), np.float32))

    def _step(self, tokens: Int[np.ndarray, "n length"], weight: Float[np.ndarray, " n"]) -> float:
        self.optimizer.zero_grad()
        total = 0.0
        count = _count(len(tokens), self.batch_size)
        for part, weights in zip(np.array_split(tokens, count), np.array_split(weight, count), strict=True):
            log_q = self._log_prob(part)
            (-(self.torch.from_numpy(np.ascontiguousarray(weights, np.float32)) * log_q).sum()).backward()
            total += float(log_q.detach().sum())
        self.optimizer.step()
        return total / len(tokens)

    def _sample(self, size: int) -> tuple[Any, Any]:
        torch = self.torch
        last, cache = torch.full((size, 1), self.begin), None
        is_open, log_q, written = torch.ones(size, dtype=torch.bool), torch.zeros(size), []
        for _ in range(self.length):
            out = self.model(last, use_cache=True, **{self.cache_name: cache})
            cache, law = out[self.cache_name], torch.log_softmax(out.logits[:, -1].float(), dim=-1)
            token = torch.multinomial(law.exp(), 1)[:, 0]
            if self.end is not None:
                token = torch.where(is_open, token, torch.full_like(token, self.end))
            log_q = log_q + torch.where(is_open, law.gather(1, token[:, None])[:, 0], torch.zeros(size))
            if self.end is not None:
                is_open = is_open & (token != self.end)
            written.append(token)
            last = token[:, None]
        return torch.stack(written, dim=1), log_q

    def _log_prob(self, tokens: Int[np.ndarray, "n length"]) -> Any:
        torch = self.torch
        tokens = np.ascontiguousarray(tokens, np.int64)
        x = torch.from_numpy(tokens if tokens.flags.writeable else tokens.copy())
        before = torch.cat([torch.full((len(x), 1), self.begin), x[:, :-1]], dim=1)
        law = torch.log_softmax(self.model(before).logits.float(), dim=-1)
        each = law.gather(2, x[..., None])[..., 0]
        if self.end is not None:
            ended = torch.cumsum((x == self.end).long(), dim=1) - (x == self.end).long() > 0
            each = torch.where(ended, torch.zeros_like(each), each)
        return each.sum(dim=1)


def _count(total: int, size: int) -> int:
    return max(1, -(-total // size))


def _sizes(total: int, size: int) -> list[int]:
    return [min(size, total - begin) for begin in range(0, total, size)]
