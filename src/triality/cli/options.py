"""The options of every command, as plain dataclasses. Imports no jax, so that a wrong command line is refused at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from triality.cli.devices_options import ALONE, Placed
from triality.cli.keeping_options import USUAL, Kept, Track
from triality.cli.sweep_options import Sweep

LEFT = -1
"""A count that is left to the command."""


@dataclass(frozen=True)
class IrlOptions:
    """Learn a cost and a policy from demonstrations.

    Writes a run folder: config.json, metrics.jsonl, state.ckpt, summary.json, figures.npz and report.html (open that one first).
    Read on with: triality eval OUT, triality retrain OUT.
    """

    env: str
    """Environment, by id.
    Compiled: Pendulum-v1, CartPole-v1, MountainCar-v0, MountainCarContinuous-v0, Acrobot-v1; ours: PointMass-v0, TwoRooms-v0, Gridworld-v0,
    PointMaze-v0, its changed twin PointMazeShifted-v0, and PointMazeAnywhere-v0, the first of them started anywhere.
    MuJoCo's, on the host: HalfCheetah-v5, Hopper-v5, Walker2d-v5, Ant-v5, Humanoid-v5, Swimmer-v5, Reacher-v5, Pusher-v5,
    InvertedPendulum-v5, InvertedDoublePendulum-v5; ours: DisabledAnt-v0, the changed twin of Ant-v5.
    With --host any that Gymnasium has."""
    demos: Path
    """Demonstrations: npz, CSV, D4RL HDF5, or a folder of Minari, imitation or LeRobot (see triality demos)."""
    out: Path
    """Folder for the run; refused if it holds anything, unless --overwrite."""
    algorithm: Literal["gan-gcl", "guided-cost", "airl", "gail", "sqil", "iq-learn", "f-irl", "bc", "dagger"] = "gan-gcl"
    """gan-gcl: the density-aware discriminator. guided-cost: likelihood with importance-sampled log Z.
    airl: the density-aware discriminator of single transitions, with a shaped cost.
    gail: a discriminator that knows no density, for a policy and no cost.
    sqil: soft Q-learning with reward 1 on demonstrations and 0 elsewhere, for a policy and no cost.
    iq-learn: inverse soft Q-learning, a policy and the reward that its Q implies.
    f-irl: a cost of the state, by the gradient of a divergence of state marginals.
    bc: behavioral cloning, without the options of the cost and of the roll-outs.
    dagger: cloning that goes on where the policy itself goes, by asking --expert there."""
    expert: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(required by dagger)")] = None
    """Of dagger: the policy that is asked. A folder of triality expert --policy-out, of triality export, or of a run of triality irl."""
    level: Literal["auto", "trajectory", "step"] = "auto"
    """What one sample is: a whole trajectory, or one observation with its action.
    auto: trajectory; with airl and gail step, which is the only one for them."""
    num_demos: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: 20, or all where there are fewer)")] = LEFT
    """How many demonstrations to use, drawn anew for each seed."""
    seeds: int = 1
    """Independent runs: in one compiled program, on the host one after the other."""
    seeds_at_once: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: all that fit into memory)")] = 0
    """In a compiled run: how many seeds are computed side by side, those of all points of a sweep counted; the others follow. Fewer
    take less memory, and give the same numbers. 0: as many as fit."""
    seed: int = 0
    """First seed; seed .. seed + seeds - 1 are run."""
    iterations: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: 100, on the host 200, for dagger 20)")] = LEFT
    """Rounds of collect, cost update, policy update. For bc: hundreds of gradient steps. For dagger: rounds of collect, ask, clone."""
    objective: Literal[
        "auto",
        "normalized",
        "plain",
        "q-only",
        "tempered",
        "mixture",
        "per-decision",
        "squares",
        "value",
        "v0",
        "js",
        "forward-kl",
        "reverse-kl",
    ] = "auto"
    """Of the cost. auto: the first of each.
    gan-gcl: normalized (the discriminator's gradient in units of the overlap) or plain.
    guided-cost: q-only, tempered (weights to a power that keeps half the sample size), mixture (the model as p~) or per-decision
    (a weight for each step, under a soft value fitted to the roll-outs).
    airl and gail: plain or normalized, which leaves a constant in the cost of a step undecided.
    iq-learn: value (the value term along all transitions) or v0 (at the starts). f-irl: js, forward-kl or reverse-kl. sqil: squares."""
    reward: Literal["auto", "f-log-pi", "f", "g-log-pi", "g", "positive", "negative", "log-odds"] = "auto"
    """Of the policy. auto: the first of each.
    airl: f-log-pi (shaped, entropy of weight 1), f (shaped, no entropy), g-log-pi or g (the same without the shaping).
    gail: positive (-log(1 - D), which pays for staying alive), negative (log D, which pays for ending it) or log-odds."""
    shaping_discount: float = 0.99
    """Of airl: the discount in its shaping; the policy's own is 0.99."""
    starts: Literal["auto", "matched", "free"] = "auto"
    """Where the roll-outs begin that are compared with the demonstrations. auto: matched at trajectory level, free at step level.
    matched: at the demonstrations' own starts (at trajectory level with one log Z a start).
    free: at the environment's start law (one log Z)."""
    past_samplers: int = 1
    """Policies whose latest roll-outs the demonstrations are compared with, the current one included: fusion over past samplers."""
    num_rollouts: Annotated[
        int,
        tyro.conf.arg(
            help_behavior_hint="(default: 96, on the host 16, more where episodes are short; with sac per step 16; dagger 16 and 4)"
        ),
    ] = LEFT
    """Roll-outs an iteration; with matched starts two thirds of them begin where the demonstrations begin.
    They are rounded up to equal shares of two or more a demonstration: 96 are 112 with 20 demonstrations."""
    num_pairs: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: all, on the host 4096)")] = LEFT
    """At step level: pairs of each side in one cost step, drawn anew for each; 0 takes all."""
    init_policy: Literal["random", "cloned"] = "random"
    """Where the policy begins."""
    cost: Literal["mlp", "state", "linear", "tilted", "constant"] = "mlp"
    """Class of the cost: a perceptron of observation and action, one of the observation alone, or the constant (a control: what it reaches
    is no merit).
    linear: in the observation's coordinates and the squares of the action's, whose means are matched. It says less, and goes on saying
    it where nobody has been.
    tilted: relative to the cloned policy, t(x, u) - log pi_0(u|x), so that a cloned start is its own optimum; with --init-policy cloned."""
    cost_sees: Annotated[str, tyro.conf.arg(metavar="COORDINATES")] = "all"
    """Coordinates of the observation that the cost may depend on, counted from 0, as in 0:27 or 0:5,13:19 (ends excluded). What is known
    not to be wanted is kept out of it: along demonstrations everything goes together. The policy sees all of them."""
    scaling: Literal["fitted", "running"] = "fitted"
    """Of observations, one for cost, policy and value. fitted: once, to demonstrations and to roll-outs of a random policy.
    running: it follows what demonstrations and all roll-outs have shown, for policies that begin far from where they will act."""
    actions: Literal["error", "clip", "raw"] = "error"
    """Demonstrated actions outside the box: refuse, clip them, or keep them for an unsquashed policy and the simulator's own clipping."""
    clip_margin: float = 0.02
    """With --actions clip: by which share of half the box they stay within it. A squashed policy has no density at the bound itself."""
    cost_learning_rate: Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 1e-3, linear 0.02)")] = None
    """Adam step of the cost. Of a linear cost it multiplies the gradient itself, the difference of means."""
    policy_learning_rate: Annotated[
        float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 3e-4, for bc and dagger 1e-3)")
    ] = None
    """Adam step of the policy."""
    gradient_penalty: Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 0.003, on the host 0.1)")] = None
    """Weight of the cost's squared gradient, nats a step."""
    temperature: Annotated[
        float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 1, for gail 0, for airl as its reward says)")
    ] = None
    """Weight of the entropy in the policy update; 1 is the paper's."""
    policy_update: Literal["ppo", "sac"] = "ppo"
    """How the policy improves. ppo: on the roll-outs of the iteration. sac: soft actor-critic, on those of earlier ones as well, which
    takes fewer steps of the environment and more computing on each."""
    max_kl: Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: none, 0.02 with --cost tilted)")] = None
    """How far one update of ppo may move the policy, nats a step: it stops where a minibatch says more."""
    policy_epochs: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: 4, on the host 8)")] = LEFT
    """Passes of ppo over the roll-outs of an iteration."""
    policy_minibatches: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: 8, on the host 32)")] = LEFT
    """Pieces of one such pass."""
    sac_updates: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: one for 32 steps of roll-outs, at most 500)")] = LEFT
    """Gradient steps of sac an iteration: what its time goes into."""
    host: bool = False
    """Roll out in Gymnasium's own environment on the host, also where there is a compiled one."""
    workers: int = 0
    """On the host: processes that host the simulators, 0 for this one. In processes of their own a simulator that crashes or hangs is
    replaced and its episodes are played again. MuJoCo's tasks are faster without; slow environments of your own are faster with them."""
    max_restarts: int = 3
    """With --workers or --actors: how often one may be replaced; then the run ends, and what was learned until then is in --out."""
    patience: float = 60.0
    """On the host: seconds that one step of one simulator may take."""
    actors: int = 0
    """On the host: actors that play the roll-outs, each a process of one core with its share of the simulators; 0 for none. They live on
    this machine, or with --ray-address on those of a cluster. One that ends is replaced and its episodes are played again, as --workers."""
    ray_address: Annotated[
        str | None, tyro.conf.arg(metavar="ADDRESS", help_behavior_hint="(default: a cluster of one's own, on this machine)")
    ] = None
    """With --actors: the Ray cluster that they live in, HOST:PORT, or auto for the one that this machine belongs to."""
    max_staleness: int = 0
    """With --actors: iterations that the policy of a roll-out may be behind. 0: all roll-outs of an iteration are by its own policy.
    1 and more: actors play on during the updates, and the cost sees the mixture of those who drew; later ones are thrown away."""
    sweep: Sweep = ()
    """Numbers of the algorithm that take several values each: every combination, with all its seeds, in one compiled program. Each is a run
    in a folder of its own below --out, and sweep.html there holds them side by side.
    As in --sweep cost_learning_rate=1e-4,3e-4,1e-3 --sweep temperature=0.5,1."""
    overwrite: bool = False
    """Replace what an earlier run left in --out."""
    track: Track = ""
    """Show the numbers of the log elsewhere too: tensorboard, or wandb (offline, unless W&B is set up otherwise). Both write into --out."""
    kept: Kept = USUAL
    placed: Placed = ALONE


@dataclass(frozen=True)
class EvalOptions:
    """Evaluate the learned policy of a run in Gymnasium's own environment, or in the compiled one where it is one of ours.

    Prints the return of the mean action and of sampled actions over episodes with reset seeds 0, 1, 2, ..., beside demonstrations and
    random actions, says which simulator judged, and writes evaluation.json into the run folder.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that triality irl wrote."""
    episodes: int = 100
    """Episodes a policy, reset seeds 0 .. episodes - 1."""


@dataclass(frozen=True)
class RetrainOptions:
    """Train a fresh policy on the learned cost alone: does the cost hold what the demonstrations knew?

    Neither the demonstrations nor the run's policy are used. The new policy is evaluated as by triality eval.
    With --env it is trained and evaluated in another world: does the cost hold what was wanted, or only how it was done here?
    Writes retrained.json into the run folder, with --env transfer.json.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that triality irl wrote."""
    env: Annotated[str | None, tyro.conf.arg(metavar="ID", help_behavior_hint="(default: the run's own)")] = None
    """Another environment of equal observations and actions, by id; of PointMaze-v0 there is PointMazeShifted-v0."""
    expert_return: Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: returns are not normalized)")] = (
        None
    )
    """With --env: the return there that counts as 1, of a policy trained on the true reward, as triality expert --env ID reports it."""
    iterations: int = 100
    """Rounds of collect and policy update."""
    temperature: Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: the run's own)")] = None
    """Weight of the entropy in the training of the fresh policies. Lower ones do more of what the cost asks for: at a third, as if the
    cost were three times as large. For a cost whose shape is right and whose scale is too small."""
    seed: int = 1000
    """Of the fresh policies."""
    episodes: int = 100
    """Evaluation episodes a policy."""
    overwrite: bool = False
    """Begin anew where an earlier training was stopped or killed."""
    kept: Kept = USUAL


@dataclass(frozen=True)
class ExpertOptions:
    """Train a soft-optimal expert on the environment's true reward and record demonstrations with their log-probabilities.

    With --policy-out the expert's policy is kept as well, and with --expert one that was kept records more; nothing is trained then.
    """

    env: str
    """Environment, by id; as for triality irl."""
    out: Path
    """Demonstration file to write (npz); its folder is made."""
    expert: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(default: a new one is trained)")] = None
    """Expert to record: a folder of triality expert --policy-out or triality export, or a run of triality irl."""
    policy_out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(default: it is not kept)")] = None
    """Folder for the expert itself too, as triality export writes a policy: what triality irl --algorithm dagger --expert asks."""
    num_episodes: int = 20
    """Demonstrations to record, sampled actions."""
    iterations: int = 150
    """Rounds of collect and policy update."""
    num_rollouts: Annotated[int, tyro.conf.arg(help_behavior_hint="(default: 64, on the host 16, more where episodes are short)")] = LEFT
    """Roll-outs a round. Of episodes of a thousand steps 4 are enough, and learn more from as many steps in all."""
    temperature: float = 0.1
    """Weight of the entropy against the true reward: higher is more random, near 0 deterministic."""
    discount: float = 0.99
    """Of the reward within the update; Swimmer-v5 wants 0.999, as its reward comes a whole stroke later."""
    gae_lambda: float = 0.95
    """How far advantages look past the value's own guess; Swimmer-v5 wants 0.98."""
    host: bool = False
    """Train in Gymnasium's own environment on the host, also where there is a compiled one."""
    workers: int = 0
    """On the host: processes that host the simulators, 0 for this one. In processes of their own a simulator that crashes or hangs is
    replaced and its episodes are played again. MuJoCo's tasks are faster without; slow environments of your own are faster with them."""
    max_restarts: int = 3
    """With --workers: how often one may be replaced; then the command ends."""
    patience: float = 60.0
    """On the host: seconds that one step of one simulator may take."""
    policy_learning_rate: float = 3e-4
    """Adam step of the policy."""
    seed: int = 0
    """Of the training and of the recorded episodes."""
    overwrite: bool = False
    """Replace an existing file, and a policy in --policy-out."""
    kept: Kept = USUAL


@dataclass(frozen=True)
class EbmOptions:
    """Learn the density of a table, of images or of a known target: an energy, a sampler, and log Z with its error.

    First the generator by likelihood; then the energy by the objective, the generator following it or standing still; then log Z by every
    estimator, with an alarm that says when not to trust it. Test data are touched only at the end.
    Writes a run folder: config.json, metrics.jsonl, state.ckpt, summary.json, figures.npz and report.html (open that one first).

    A table of numbers, all else left to the command:
    triality ebm --data table.csv --out runs/table

    Columns by name, a flow, the paper's adversarial system:
    triality ebm --data table.csv --columns age,height --generator spline --objective gan --out runs/flow

    Signals or sequences of integers:
    triality ebm --data signals.npz --generator causal-convolution --head discretized-logistic --out runs/signals

    A law that is known, everything held against the truth:
    triality ebm --target two-moons --out runs/moons
    """

    out: Path
    """Folder for the run; refused if it holds anything, unless --overwrite."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Table or images: npz, npy, csv, tsv, parquet, or a folder of images. Rows are samples."""
    target: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Instead of --data, samples of a law that is known: ring, grid, eight-gaussians, two-moons, pinwheel, spirals, checkerboard, rings,
    funnel, forty-gaussians or many-well. The report then holds everything against the truth."""
    num_data: int = 20_000
    """Samples of --target, for training, validation and test together."""
    columns: Annotated[str | None, tyro.conf.arg(metavar="A,B,...")] = None
    """Columns of the table to use, by name; all of them by default."""
    dequantize: bool = False
    """Let a continuous generator learn columns of few values: uniform noise as wide as their smallest step is added, and said so."""
    generator: Literal[
        "auto",
        "gaussian",
        "mixture",
        "real-nvp",
        "spline",
        "maf",
        "bernoulli",
        "made",
        "made-over-orders",
        "nade",
        "masked-convolution",
        "causal-convolution",
        "recurrent",
    ] = "auto"
    """Sampler of known density. auto: a mixture of Gaussians for numbers, or a flow where the objective differentiates draws; MADE for
    integers, masked-convolution for images of integers.
    gaussian, mixture, real-nvp, spline and maf are for numbers; bernoulli and nade for 0 and 1; the others for integers. made-over-orders
    is the best of them on tables of a few thousand rows."""
    head: Literal["auto", "categorical", "discretized-logistic"] = "auto"
    """Law of one value given those before it, of --generator causal-convolution and recurrent. auto: categorical, any probabilities at all,
    begun at how often each level occurs. discretized-logistic: bells over the levels, for signals and gray values, where neighboring levels
    are alike."""
    objective: Literal[
        "nce",
        "gan",
        "fce",
        "guided-cost",
        "kl",
        "reverse-kl",
        "jensen-shannon",
        "pearson",
        "neyman",
        "hellinger",
        "kim-bengio",
        "cd",
        "pcd",
        "hinge",
        "ebgan",
        "free-gan",
        "wasserstein",
        "mle",
    ] = "nce"
    """Of the energy. nce: the density-aware discriminator against a generator that stands still; gan: against one that follows its reverse
    KL; fce: against one that climbs the discriminator's loss. guided-cost: likelihood with importance-sampled log Z.
    kl to hellinger: f-divergences, density-aware. kim-bengio, cd, pcd: contrastive. hinge, ebgan, free-gan and wasserstein learn no
    density and are there to compare with. mle: the generator alone."""
    sampler_gradient: Literal[
        "auto",
        "fixed",
        "path",
        "reparameterized",
        "score",
        "alpha",
        "annealed",
        "likelihood",
        "hybrid",
        "adversarial",
        "energy-alone",
        "pull-away",
    ] = "auto"
    """How the generator improves while the energy is learned. auto: as the objective has it. path and reparameterized follow the reverse
    KL where draws are differentiable; score follows it for anything. alpha: drops no mode that it has seen; annealed: looks for them, for
    numbers. hybrid: the objective's own and likelihood together. adversarial, energy-alone and pull-away are those of fce and free-gan, of
    wasserstein, and of ebgan."""
    energy: Literal["auto", "mlp", "quadratic", "linear", "convolutional", "autoencoder"] = "auto"
    """Network of the energy. auto: convolutional for images, autoencoder for ebgan, mlp otherwise. linear: pairs of 0/1 columns."""
    base: Literal["auto", "generator", "none"] = "auto"
    """What the network is added to. generator: E = -log q_0 + f, a correction of the generator as likelihood left it. none: E = f."""
    seeds: int = 1
    """Independent runs on the same split of the data."""
    seed: int = 0
    """First seed; also of the split."""
    generator_steps: int = 4000
    """Gradient steps of likelihood; 0 leaves the generator as it begins."""
    energy_steps: int = 4000
    """Gradient steps of the energy."""
    batch_size: int = 256
    """Data of one step, and draws."""
    generator_learning_rate: float = 3e-3
    """Adam step of likelihood."""
    energy_learning_rate: float = 1e-3
    """Adam step of the energy."""
    sampler_learning_rate: float = 3e-4
    """Adam step of the generator while it follows the energy."""
    weight_decay: float = 0.0
    """Of the energy's weights, never of log Z."""
    gradient_penalty: float = 0.0
    """Weight of the energy's squared gradient at data."""
    num_drawn: int = 20_000
    """Fresh draws that log Z is estimated on."""
    temperatures: int = 50
    """Of annealed importance sampling; 0 leaves annealing and sequential Monte Carlo out."""
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


@dataclass(frozen=True)
class CompareOptions:
    """Put runs side by side in one page: their settings where they differ, their numbers, their curves.

    Runs of triality ebm and of triality irl cannot be mixed.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders that earlier runs wrote; two or more."""
    out: Path = Path("comparison.html")
    """Page to write (html)."""
    overwrite: bool = False
    """Replace an existing file."""


@dataclass(frozen=True)
class InfoOptions:
    """Print the versions of triality and of what it stands on, and the devices that jax sees."""
