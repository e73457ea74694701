"""What every metric of a run on sequences is, in words, and which way is better: the one table of them."""

from __future__ import annotations

from triality.runs.report.density_metrics import Metric

METRICS = (
    Metric("NLL, test", "nll_test", "energy_nll_test", "lower", "nats a token of held-out sequences, end tokens counted"),
    Metric("its standard error", "nll_test_stderr", "energy_nll_test_stderr", "", "nats a token, of the draw of the test data"),
    Metric("before the energy", "likelihood_nll_test", "", "lower", "the generator as its own loss left it"),
    Metric("NLL, a sequence", "nll_sequence", "", "lower", "nats a sequence of the test data"),
    Metric("perplexity", "perplexity", "", "lower", "exp of the NLL a token"),
    Metric("perplexity, lower bound", "", "energy_perplexity_low", "lower", "with the lower bound of log Z from the draws"),
    Metric("perplexity, upper bound", "", "energy_perplexity_high", "lower", "with the upper one: far apart, there are too few draws"),
    Metric(
        "NLL by the oracle",
        "nll_oracle",
        "energy_nll_oracle",
        "lower",
        "nats a token of draws; a generator that repeats itself has the least",
    ),
    Metric("its standard error", "nll_oracle_stderr", "", "", "nats a token"),
    Metric("entropy of draws", "entropy", "", "near the oracle's", "nats a token; low = little variety"),
    Metric("entropy of the oracle", "oracle_entropy", "", "", "nats a token, on the test data"),
    Metric("KL(oracle, model)", "kl_forward", "energy_kl_forward", "lower", "nats a token; grows with what is missed"),
    Metric("its standard error", "kl_forward_stderr", "", "", "nats a token"),
    Metric("KL(model, oracle)", "kl_reverse", "energy_kl_reverse", "lower", "nats a token; grows with what is invented"),
    Metric("its standard error", "kl_reverse_stderr", "", "", "nats a token"),
    Metric("least sum of both NLL", "best_sum", "energy_sum", "lower", "over temperatures; of the energy at its own"),
    Metric("gain", "", "gain", "higher", "of the energy over the generator on the same sequences, nats a token"),
    Metric("standard error of the gain", "", "gain_stderr", "", "nats a token; beyond about two of them the gain is no accident"),
    Metric("effective share", "", "ess_fraction", "near 1", "of draws under the weights p/q"),
    Metric("effective share from data", "", "forward_share", "near 1", "the same seen from test data"),
    Metric("spread of log weights", "", "log_weight_std", "near 0", "nats a sequence, over draws; above 1 weights begin to fail"),
    *(Metric(f"BLEU-{n}", f"bleu_{n}", f"energy_bleu_{n}", "higher", "of samples, held-out sentences as references") for n in (2, 3, 4, 5)),
    *(Metric(f"self-BLEU-{n}", f"self_bleu_{n}", "", "lower", "of samples among each other") for n in (2, 3, 4, 5)),
)
