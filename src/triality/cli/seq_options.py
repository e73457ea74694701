"""The options of ``triality seq``. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from triality.cli.devices_options import ALONE, Placed
from triality.cli.keeping_options import USUAL, Kept, Track
from triality.cli.sweep_options import Sweep


@dataclass(frozen=True)
class SeqOptions:
    """Learn the law of token sequences: a generator of known density, an energy over whole sequences, and log Z with its error.

    First the generator by likelihood; then, where the objective has one, the energy, the generator following it or standing still; then
    everything on held-out sequences. With an oracle, a law that is known, both likelihoods and both KL divergences are told.
    Writes a run folder: config.json, metrics.jsonl, state.ckpt, summary.json, figures.npz and report.html (open that one first).

    A line a sentence, words as tokens, a correction of the generator by an energy:
    triality seq --data captions.txt --out runs/captions

    One long text in windows of characters:
    triality seq --data book.txt --cut windows --tokens characters --length 64 --out runs/book

    SeqGAN's task, its oracle in a file, by the paper's adversarial system:
    triality seq --data oracle:oracle.npz --objective gan --out runs/oracle
    """

    out: Path
    """Folder for the run; refused if it holds anything, unless --overwrite."""
    data: Annotated[str, tyro.conf.arg(metavar="FILE|oracle:FILE")]
    """Sequences: text, lines of whole numbers, or npz. oracle:FILE draws them from SeqGAN's oracle."""
    test: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Text of its own to judge by, a sequence a line; without it a tenth of --data."""
    length: int = 0
    """Places of a sequence. 0: the longest one's; 32 where a long text is cut, chords of a piece times voices; 20 of an oracle."""
    tokens: Literal["words", "characters", "pieces"] = "words"
    """What a token of text is. pieces: byte-level, learned on the training text (needs the extra text)."""
    cut: Literal["lines", "windows"] = "lines"
    """lines: a line of text is a sequence that ends. windows: the file is one long text, cut into sequences of --length tokens."""
    vocabulary: int = 0
    """Most tokens. 0: all numbers there are; of text 5,000 words, 256 characters or 1,000 pieces."""
    end_token: int | None = None
    """Of sequences of numbers, the token that ends one; without it all have one length."""
    num_data: int = 10_000
    """Of an oracle: training sequences; half as many to choose by and as many to judge by."""
    generator: Literal["lstm", "gru", "transformer"] = "lstm"
    """Sampler of known density."""
    hidden: int = 64
    """Units of the generator, and the features of a transformer."""
    objective: Literal["mle", "scheduled-sampling", "reward-augmented", "nce", "gan", "seqgan", "mixer", "actor-critic"] = "nce"
    """mle: likelihood alone. scheduled-sampling: the generator's own tokens among those it is fed. reward-augmented: likelihood of
    sequences near the data. nce: an energy that corrects the generator, which stands still (residual energy model). gan: the paper's
    system, the generator following its energy. seqgan: a free discriminator and policy gradients with roll-outs. mixer and actor-critic:
    the energy of nce, then the generator learns from it."""
    energy: Literal["convolutional", "attentive", "by-token"] = "convolutional"
    """Network over whole sequences. by-token: a sum over the tokens."""
    credit: Literal["auto", "whole", "by-token", "rollouts", "relaxed"] = "auto"
    """Whom the generator's gradient blames. whole: every token the sequence's energy; by-token: the summands to come; rollouts: the mean
    over completions of the prefix; relaxed: Gumbel-softmax, straight through. auto: rollouts for seqgan, by-token for --energy by-token,
    else whole."""
    schedule: Literal["linear", "exponential", "sigmoid"] = "linear"
    """Of scheduled-sampling and mixer: how the data's share falls, from one to --least-share at the last step."""
    least_share: float = 0.5
    """Of scheduled-sampling and mixer: the data's share at the last step."""
    payoff_temperature: float = 0.2
    """Of reward-augmented."""
    dropout: float = 0.3
    """Share of inputs and features that is left out while likelihood is learned; what keeps a small corpus from being learned by heart.
    Not of scheduled-sampling and reward-augmented."""
    weight_prior: float = 0.0
    """Standard deviation of a Gaussian prior of the generator's weights; 0: none. SeqGAN's oracle was drawn from one of 1."""
    seeds: int = 1
    """Independent runs on the same data."""
    seed: int = 0
    """First seed; also of the split."""
    generator_steps: int = 4000
    """Gradient steps of the generator before there is an energy; 0: no pre-training."""
    energy_steps: int = 2000
    """Gradient steps of the energy, and of the generator with it."""
    batch_size: int = 64
    """Sequences of one step, and draws."""
    num_rollouts: int = 16
    """Completions of each prefix, with --credit rollouts."""
    generator_learning_rate: float = 3e-3
    """Adam step of likelihood."""
    energy_learning_rate: float = 1e-3
    """Adam step of the energy."""
    sampler_learning_rate: float = 1e-4
    """Adam step of the generator while it follows an energy or a reward."""
    num_drawn: int = 10_000
    """Fresh draws that everything is judged on."""
    temperatures: tuple[float, ...] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
    """Of the generator, where an oracle draws its curve of both likelihoods."""
    sweep: Sweep = ()
    """Numbers of the algorithms that take several values each: every combination in one compiled program. Each is a run in a folder of its
    own below --out, and sweep.html there holds them side by side.
    As in --sweep energy_learning_rate=3e-4,1e-3 --sweep generator_learning_rate=1e-3,3e-3."""
    overwrite: bool = False
    """Replace what an earlier run left in --out."""
    track: Track = ""
    """Show the numbers of the log elsewhere too: tensorboard, or wandb (offline, unless W&B is set up otherwise). Both write into --out."""
    kept: Kept = USUAL
    placed: Placed = ALONE
