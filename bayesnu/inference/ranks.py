"""Whether ranks are uniform, as those of true values among draws from their posterior have to be.

Talts et al. 2018, arXiv:1804.06788: where truth and data come from prior and model, the rank of the truth among L
independent draws is uniform on 0 ... L. Three tests look at N ranks. One compares their distribution function with a
simultaneous band (Säilynoja, Bürkner, Vehtari 2022, arXiv:2103.10522). The others take mean and second moment of the normal
scores z = Phi^-1((rank + 1/2)/(L + 1)). They see a posterior that is shifted, too narrow or too wide.

The band's coverage is exact and needs no simulation. Counts below increasing ranks are a Poisson process of which the end is
given. So the probability to stay inside a band is a chain of convolutions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import exp, nan, sqrt

import numpy as np
from scipy.special import bdtr, bdtrc, gammainc, gammaincc, gammainccinv, gammaln, ndtr, ndtri, xlogy

LEVEL = 0.05  # probability to find fault with a calibrated posterior, in all tests of all quantities together
POWER = 0.95  # of the errors that are stated as found
TESTS = 3  # of each quantity: the band and two moments
FEWEST = 20  # ranks for which the tails of the moments were checked, from 15 draws on
HALVINGS = 50  # of [0, 1], to find the level of a band
RESOLUTION = 1e-15  # of 1 - p, so that no p-value is said to be 0


@dataclass(frozen=True)
class Uniformity:
    """Tests of the ranks of one quantity; `mean` and `second` are moments of the scores, with their expectation if uniform.

    The errors are the standard deviations of the moments if the ranks are uniform.
    """

    name: str
    p_band: float
    mean: float
    mean_error: float
    p_mean: float
    second: float
    second_expected: float
    second_error: float
    p_second: float

    @property
    def p_value(self) -> float:
        """Probability of as small a p-value in any of the tests, at most."""
        return min(1.0, TESTS * min(self.p_band, self.p_mean, self.p_second))


@dataclass(frozen=True)
class Sensitivity:
    """Errors of a posterior that so many ranks find with probability `POWER`: NaN where they are too few for any.

    `shift` in standard deviations of the posterior, `narrow` and `wide` relative errors of its width.
    """

    shift: float
    narrow: float
    wide: float


def uniformity(name: str, ranks: np.ndarray, draws: int) -> Uniformity:
    """Test ranks (N,) of true values among so many draws."""
    scores = normal_scores(draws)
    law = np.full(draws + 1, 1 / (draws + 1))
    number = len(ranks)
    found = []
    for values in (scores, scores**2):
        mean, width, skew = _find_moments(values, law)
        error = width / sqrt(number)
        observed = float(values[ranks].mean())
        t = (observed - mean) / error
        found.append((observed, mean, error, two_sided(t, skew / sqrt(number))))
    (first, _, first_error, p_first), (second, expected, second_error, p_second) = found
    return Uniformity(name, p_band(ranks, draws), first, first_error, p_first, second, expected, second_error, p_second)


def normal_scores(draws: int) -> np.ndarray:
    """z of the ranks 0 ... draws, shape (draws + 1,)."""
    return np.asarray(ndtri((np.arange(draws + 1) + 0.5) / (draws + 1)))


def _find_moments(values: np.ndarray, law: np.ndarray) -> tuple[float, float, float]:
    """Mean, standard deviation and skewness of values (n,) with probabilities (n,)."""
    mean = float(values @ law)
    width = sqrt((values - mean) ** 2 @ law)
    return mean, width, float((values - mean) ** 3 @ law) / width**3


def above(t: float, skew: float) -> float:
    """Probability that a standardised sum of this skewness exceeds t: a gamma distribution with the same three moments."""
    if abs(skew) < 1e-6:
        return float(ndtr(-t))
    shape = 4 / skew**2
    sign = np.sign(skew)
    x = max(shape + sign * t * sqrt(shape), 0.0)
    return float(gammaincc(shape, x) if sign > 0 else gammainc(shape, x))


def two_sided(t: float, skew: float) -> float:
    """Twice the probability of the tail in which t lies."""
    return min(1.0, 2 * min(above(t, skew), above(-t, -skew)))


def counts_below(ranks: np.ndarray, draws: int) -> np.ndarray:
    """How many of ranks (N,) are below 1 ... draws, shape (draws,)."""
    return np.cumsum(np.bincount(ranks, minlength=draws + 1))[:-1]


@cache
def _tabulate_tails(number: int, draws: int) -> np.ndarray:
    """Two-sided tail probability of each count 0 ... number below each rank 1 ... draws: (draws, number + 1)."""
    share = (np.arange(1, draws + 1) / (draws + 1))[:, None]
    count = np.arange(number + 1.0)
    at_most = bdtr(count, number, share)
    at_least = np.concatenate([np.ones_like(share), bdtrc(count[:-1], number, share)], axis=1)
    return np.asarray(2 * np.minimum(at_most, at_least))


def inside(number: int, draws: int, level: float) -> float:
    """Probability that for uniform ranks the tail probability of every count exceeds `level`.

    Counts of a Poisson process in equal steps, given their sum, are those of uniform ranks.
    """
    allowed = _tabulate_tails(number, draws) > level
    if not allowed.any(axis=1).all():
        return 0.0
    first = np.argmax(allowed, axis=1)
    last = number - np.argmax(allowed[:, ::-1], axis=1)
    # Probabilities of the counts that are still allowed, rank by rank; then those that lead to the given end.
    law = _poisson(np.arange(number + 1), number / (draws + 1))
    state = np.ones(1)
    low = 0
    for new_low, new_high in zip(first, last, strict=True):
        grown = np.convolve(state, law[: new_high - low + 1])
        state = grown[new_low - low : new_high - low + 1]
        low = new_low
    end = law[number - low - np.arange(len(state))]
    return float(state @ end / _poisson(np.array(number), number))


def _poisson(count: np.ndarray, mean: float) -> np.ndarray:
    return np.asarray(np.exp(xlogy(count, mean) - mean - gammaln(count + 1)))


def p_band(ranks: np.ndarray, draws: int) -> float:
    """Probability that uniform ranks leave a band that ranks (N,) just touch."""
    tails = _tabulate_tails(len(ranks), draws)
    smallest = float(tails[np.arange(draws), counts_below(ranks, draws)].min())
    return max(RESOLUTION, 1 - inside(len(ranks), draws, smallest))


@cache
def band(number: int, draws: int, probability: float) -> np.ndarray:
    """Smallest and largest count below each rank 1 ... draws, (2, draws), that hold uniform ranks with this probability.

    All counts together, at least; of all bands of one pointwise level the narrowest that does.
    """
    low = 0.0
    high = 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(number, draws, middle) >= probability else (low, middle)
    allowed = _tabulate_tails(number, draws) > low
    return np.stack([np.argmax(allowed, axis=1), number - np.argmax(allowed[:, ::-1], axis=1)])


@cache
def sensitivity(number: int, draws: int, quantities: int) -> Sensitivity:
    """Errors of a Gaussian posterior that `number` ranks of one of so many quantities find with probability `POWER`.

    By the moments of the scores alone, at the level that remains for one of all tests. Counts the noise of finite draws.
    """
    level = LEVEL / (TESTS * quantities)

    def power(shift: float, width: float) -> float:
        law = rank_law(draws, shift, width)
        scores = normal_scores(draws)
        return max(_find_power(values, law, number, level) for values in (scores, scores**2))

    shift = _find_smallest(lambda size: power(size, 1.0), 5.0)
    narrow = _find_smallest(lambda size: power(0.0, exp(size)), 3.0)
    wide = _find_smallest(lambda size: power(0.0, exp(-size)), 3.0)
    return Sensitivity(shift, 1 - exp(-narrow), exp(wide) - 1)


def rank_law(draws: int, shift: float, width: float) -> np.ndarray:
    """Probability of each rank (draws + 1,) where the truth is Gaussian (shift, width) in units of the posterior."""
    t = np.linspace(-9, 9, 1201)
    weight = np.exp(-(t**2) / 2)
    below = ndtr(shift + width * t)
    rank = np.arange(draws + 1)[:, None]
    combinations = gammaln(draws + 1) - gammaln(rank + 1) - gammaln(draws - rank + 1)
    density = np.exp(combinations + xlogy(rank, below) + xlogy(draws - rank, ndtr(-shift - width * t)))
    return np.asarray(density @ (weight / weight.sum()))


def _find_power(values: np.ndarray, law: np.ndarray, number: int, level: float) -> float:
    """Probability that the mean of `number` values with these probabilities is called wrong at a two-sided level."""
    root = sqrt(number)
    mean, width, skew = _find_moments(values, np.full(len(values), 1 / len(values)))
    true_mean, true_width, true_skew = _find_moments(values, law)
    # The largest and the smallest mean that are not called wrong, then both as the true law standardises them.
    most, least = (mean + sign * _quantile(level / 2, sign * skew / root) * width / root for sign in (1, -1))
    upper, lower = ((end - true_mean) / (true_width / root) for end in (most, least))
    return above(upper, true_skew / root) + above(-lower, -true_skew / root)


def _quantile(probability: float, skew: float) -> float:
    """The standardised sum of this skewness that is exceeded with a probability."""
    if abs(skew) < 1e-6:
        return float(-ndtri(probability))
    shape = 4 / skew**2
    x = gammainccinv(shape, probability) if skew > 0 else gammainccinv(shape, 1 - probability)
    return float(np.sign(skew) * (x - shape) / sqrt(shape))


def _find_smallest(power: Callable[[float], float], most: float) -> float:
    """The smallest error with enough power; NaN if there is none up to `most`."""
    if power(most) < POWER:
        return nan
    low = 0.0
    high = most
    for _ in range(HALVINGS // 2):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high
