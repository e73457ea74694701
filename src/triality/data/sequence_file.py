"""Sequences as people have them: an npz of tokens, lines of numbers, or text. Read as if a stranger had made them. Imports no jax.

| file | what it becomes |
|---|---|
| npz with ``tokens`` (n, T) | sequences of T tokens; with ``lengths`` (n,), flat tokens cut into sequences that end |
| npz with ``train``, ``valid``, ``test`` (steps, voices) and ``*_lengths`` | chords, a voice after the other: windows of T tokens |
| text, every line whole numbers | a line a sequence |
| other text | a line a sequence that ends, or windows of one long text |
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from triality.data.sequences import SequenceData, padded, split
from triality.data.vocabularies import Unit, vocabulary_of
from triality.errors import DataError
from triality.runs.archive import ArchiveError, Limits, read_arrays

MOST_BYTES = 2**31
MOST_TOKENS = 1_000_000
SNIFFED = 2**20
MOST_DIGITS = 18
"""Longer whole numbers are no tokens, and do not fit into 64 bits."""
PARTS = ("train", "valid", "test")
SILENT = -1
STREAM_SHARES = (0.9, 0.95)
"""Where training and validation end in one long text."""


class Asked(NamedTuple):
    """How a file is to be read.

    Fields:
        length: T; 0 takes the longest sequence's, or 32 where a long text is cut.
        unit: of text.
        cut: ``lines``: a line a sequence; ``windows``: one long text, cut anywhere.
        vocabulary: most tokens of text; of numbers the size, 0 for one more than the largest.
        end: of numbers, the token that ends a sequence; None where all have one length.
        seed: of the split.
        test: a file of its own to judge by, of the same kind; None cuts it from the one file.
    """

    length: int = 0
    unit: Unit = "words"
    cut: Literal["lines", "windows"] = "lines"
    vocabulary: int = 0
    end: int | None = None
    seed: int = 0
    test: Path | None = None


DEFAULT_WINDOW = 32
DEFAULT_VOCABULARY = {"characters": 256, "words": 5000, "pieces": 1000}


def read_sequences(path: str | PathLike[str], asked: Asked) -> SequenceData:
    """The sequences in ``path``, checked and split.

    Raises:
        DataError: no file, another format, text that is not UTF-8, or sequences that cannot be learned from; all that is wrong is listed.
        ConfigError: a vocabulary that is too small, or a package that is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "tokens.txt"
        ...     _ = file.write_text("\\n".join(["0 1 2", "2 1 0"] * 20))
        ...     data = read_sequences(file, Asked())
        >>> data.train.shape, data.vocabulary, data.end
        ((32, 3), 3, None)
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: expected a file of sequences, got none there; check the path")
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise DataError(f"{path}: expected a file of 1 byte to 2 GiB, got {size} bytes; check it")
    try:
        with open(path, "rb") as file:
            is_zip = file.read(2) == b"PK"
        return _of_npz(path, asked) if is_zip else _of_text(path, asked)
    except ArchiveError as error:
        raise DataError(f"{path}: {error}") from error


def _of_npz(path: Path, asked: Asked) -> SequenceData:
    _refuse_test(asked)
    arrays = read_arrays(path, Limits(total_bytes=MOST_BYTES))
    if "tokens" in arrays:
        return _of_tokens(path, arrays, asked)
    if {"train", "valid", "test", "train_lengths"} <= set(arrays):
        return _of_voices(path, arrays, asked)
    raise DataError(
        f"{path}: expected an array tokens, or train, valid and test with their lengths, got {', '.join(sorted(arrays)) or 'none'}; "
        "save numpy.savez(file, tokens=rows)"
    )


def _of_tokens(path: Path, arrays: dict[str, np.ndarray], asked: Asked) -> SequenceData:
    tokens = arrays["tokens"]
    if tokens.dtype.kind not in "iu" or tokens.ndim not in (1, 2) or (tokens.ndim == 1 and "lengths" not in arrays):
        raise DataError(
            f"{path}: expected whole numbers of shape (n, T), or flat ones with lengths, got {tokens.dtype} of shape {tokens.shape}; "
            "save such an array"
        )
    if tokens.ndim == 2:
        return _of_numbers(path, tokens.tolist(), asked)
    lengths = arrays["lengths"]
    if not _add_up(lengths, len(tokens)):
        got = f"a sum of {sum(lengths.tolist())}" if lengths.dtype.kind in "iu" and lengths.ndim == 1 else f"{lengths.dtype}{lengths.shape}"
        raise DataError(f"{path}: expected lengths that add up to {len(tokens)} tokens, got {got}; check the file")
    return _of_numbers(path, [part.tolist() for part in np.split(tokens, np.cumsum(lengths)[:-1])], asked)


def _of_numbers(path: Path, sequences: list[list[int]], asked: Asked) -> SequenceData:
    largest = max((max(sequence) for sequence in sequences if sequence), default=0)
    vocabulary = asked.vocabulary or max(largest, asked.end or 0) + 1
    if asked.cut == "windows":
        raise DataError(f"{path}: expected one long text for windows, got sequences of numbers; leave --cut out")
    if vocabulary > MOST_TOKENS:
        raise DataError(f"{path}: expected at most {MOST_TOKENS:,} different tokens, got {vocabulary:,}; number them from 0 without gaps")
    if asked.end is not None and not 0 <= asked.end < vocabulary:
        raise DataError(f"{path}: expected an end token 0 .. {vocabulary - 1}, got {asked.end}; name one of the vocabulary")
    length = asked.length or max((len(sequence) for sequence in sequences), default=0)
    rows = padded(sequences, length, vocabulary, asked.end, str(path))
    return _checked(path, split(rows, asked.seed, str(path)), max(2, vocabulary), asked.end)


def _of_voices(path: Path, arrays: dict[str, np.ndarray], asked: Asked) -> SequenceData:
    """Chords as events, a voice after the other; pieces do not run into each other. Silence and pitches become tokens in order."""
    for part in PARTS:
        array, lengths = arrays[part], arrays.get(f"{part}_lengths")
        if array.dtype.kind not in "iu" or array.ndim != 2 or not array.size or array.shape[1] != arrays["train"].shape[1]:
            raise DataError(f"{path}: expected whole numbers of shape (steps, voices) in {part}, got {array.dtype} of shape {array.shape}")
        if lengths is None or not _add_up(lengths, len(array)):
            raise DataError(f"{path}: expected {part}_lengths that add up to {len(array)} steps, got others; save them again")
    pitches = np.unique(np.concatenate([arrays[part].ravel() for part in PARTS]))
    voices = arrays["train"].shape[1]
    length = asked.length or DEFAULT_WINDOW * voices
    if length % voices:
        raise DataError(f"{path}: expected windows of whole chords of {voices} voices, got --length {length}; use a multiple of {voices}")
    parts = []
    for part in PARTS:
        pieces = np.split(np.searchsorted(pitches, arrays[part]), np.cumsum(arrays[f"{part}_lengths"])[:-1])
        windows = [_windows(piece.ravel(), length) for piece in pieces]
        parts.append(np.concatenate(windows).astype(np.int32))
    words = tuple("-" if pitch == SILENT else str(pitch) for pitch in pitches)
    return _checked(path, parts, len(pitches), None, words)


def _add_up(lengths: np.ndarray, total: int) -> bool:
    """Whether they are lengths of pieces of so much; summed as Python's integers, since those of numpy wrap around."""
    return lengths.dtype.kind in "iu" and lengths.ndim == 1 and not np.any(lengths < 0) and sum(lengths.tolist()) == total


def _of_text(path: Path, asked: Asked) -> SequenceData:
    lines = _lines_of(path)
    if all(_is_numbers(line) for line in lines):
        _refuse_test(asked)
        long = next((number for number, line in enumerate(lines) if any(len(word) > MOST_DIGITS for word in line.split())), None)
        if long is not None:
            raise DataError(f"{path}: expected tokens of at most {MOST_DIGITS} digits, got more in sequence {long}; check the file")
        return _of_numbers(path, [[int(word) for word in line.split()] for line in lines], asked)
    if asked.end is not None:
        raise DataError(
            f"{path}: expected an end token of sequences of numbers, got one for text, whose lines end by themselves; leave it out"
        )
    size = asked.vocabulary or DEFAULT_VOCABULARY[asked.unit]
    if asked.cut == "lines":
        return _of_lines(path, lines, asked, size)
    _refuse_test(asked)
    return _of_stream(path, _decoded(path), asked, size)


def _lines_of(path: Path) -> list[str]:
    """The lines that are not blank."""
    lines = [line for line in _decoded(path).splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path}: expected lines of text or of numbers, got none; check the file")
    return lines


def _decoded(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            if b"\0" in file.read(SNIFFED):  # a file of holes is long and takes no room on the disk
                raise DataError(f"{path}: expected text in UTF-8, got zero bytes; check the file")
            file.seek(0)
            return file.read().decode("utf-8")
    except OSError as error:
        raise DataError(f"{path}: expected a file of text, got {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text in UTF-8, got byte {error.start} that is none; save it as UTF-8") from error


def _refuse_test(asked: Asked) -> None:
    if asked.test is not None:
        raise DataError(f"{asked.test}: expected a test file beside lines of text only, got one beside other sequences; leave it out")


def _of_lines(path: Path, lines: list[str], asked: Asked, size: int) -> SequenceData:
    held = None if asked.test is None else _lines_of(asked.test)
    order = split(np.arange(len(lines), dtype=np.int32)[:, None], asked.seed, str(path), has_test=held is not None)
    texts = [[lines[int(number)] for number in part[:, 0]] for part in order]
    texts = texts if held is None else [*texts[:2], held]
    vocabulary = vocabulary_of(texts[0], asked.unit, size)
    encoded = [[vocabulary.encode(line) for line in part] for part in texts]
    length = asked.length or max(len(sequence) for part in encoded for sequence in part)
    sources = [path, path, asked.test or path]
    rows = [padded(part, length, len(vocabulary.words), 0, str(source)) for part, source in zip(encoded, sources, strict=True)]
    return _checked(path, rows, len(vocabulary.words), 0, vocabulary.words, vocabulary.joiner)


def _of_stream(path: Path, text: str, asked: Asked, size: int) -> SequenceData:
    """The beginning to train, what follows to choose, the end to judge; windows do not overlap."""
    places = [round(share * len(text)) for share in STREAM_SHARES]
    texts = text[: places[0]], text[places[0] : places[1]], text[places[1] :]
    vocabulary = vocabulary_of([texts[0]], asked.unit, size)
    length = asked.length or DEFAULT_WINDOW
    rows = [_windows(np.array(vocabulary.encode(part), np.int32), length) for part in texts]
    return _checked(path, rows, len(vocabulary.words), None, vocabulary.words, vocabulary.joiner)


def _windows(tokens: np.ndarray, length: int) -> np.ndarray:
    count = len(tokens) // length
    return tokens[: count * length].reshape(count, length)


def _is_numbers(line: str) -> bool:
    return all(word.isascii() and word.isdigit() for word in line.split())


def _checked(
    path: Path,
    parts: Sequence[np.ndarray],
    vocabulary: int,
    end: int | None,
    words: tuple[str, ...] = (),
    joiner: str = " ",
) -> SequenceData:
    short = [name for name, part in zip(PARTS, parts, strict=True) if len(part) < 2]
    if short:
        raise DataError(
            f"{path}: expected two sequences or more to train, to choose and to judge, got fewer for {', '.join(short)}; give more"
        )
    train, valid, test = parts
    seen = np.isin(np.unique(np.concatenate([valid, test])), np.unique(train))
    notes = (f"tokens of the held-out sequences that are in no training sequence: {int(np.sum(~seen))}",) if not seen.all() else ()
    return SequenceData(train, valid, test, vocabulary, end, words, joiner, notes)
