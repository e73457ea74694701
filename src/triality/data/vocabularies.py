"""From text to tokens and back: characters, words, or byte-level pieces learned on the spot. Imports no jax.

A vocabulary is made from training text alone. Characters and words that it lacks become one token for all of them; where training text
lacks none, that token is never seen in training, and held-out text that has it is charged for it (a note says so). Pieces lack nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from triality.data.optional_packages import import_package
from triality.errors import ConfigError

Unit = Literal["characters", "words", "pieces"]
END, UNKNOWN = "<end>", "<unknown>"
WORDS = re.compile(r"\w+|[^\w\s]")
"""A run of letters and digits, or a mark of punctuation by itself."""


class Vocabulary(NamedTuple):
    """How text becomes tokens.

    Fields:
        words: what each token stands for; the first is the end token.
        encode: from a text to tokens, no end token added.
        joiner: what stands between two words.
    """

    words: tuple[str, ...]
    encode: Callable[[str], list[int]]
    joiner: str


def vocabulary_of(texts: Iterable[str], unit: Unit, size: int) -> Vocabulary:
    """A vocabulary of at most ``size`` tokens, the most frequent ones first.

    Args:
        texts: training text.
        unit: characters, words and marks of punctuation, or byte-level pieces by the package ``tokenizers``.
        size: the end token and the one for all that is unknown included.

    Raises:
        ConfigError: a size too small to be of use, or the package is not installed.

    Example:
        >>> found = vocabulary_of(["a cat sat", "a cat"], "words", 4)
        >>> found.words, found.encode("a dog sat")
        (('<end>', '<unknown>', 'a', 'cat'), [2, 1, 1])
    """
    texts = list(texts)
    least = 258 if unit == "pieces" else 3
    if size < least:
        raise ConfigError(f"expected a vocabulary of at least {least} {unit}, got {size}; use a larger --vocabulary")
    if unit == "pieces":
        return _pieces(texts, size)
    split: Callable[[str], list[str]] = list if unit == "characters" else WORDS.findall
    counts = Counter(word for text in texts for word in split(text))
    known = [word for word, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]
    words = (END, UNKNOWN, *known[: size - 2])
    index = {word: number for number, word in enumerate(words)}
    return Vocabulary(words, lambda text: [index.get(word, 1) for word in split(text)], "" if unit == "characters" else " ")


def _pieces(texts: list[str], size: int) -> Vocabulary:
    tokenizers = import_package("tokenizers", "text")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    words = tuple(tokenizer.decode([number]) if number else END for number in range(tokenizer.get_vocab_size()))
    return Vocabulary(words, lambda text: tokenizer.encode(text).ids, "")
