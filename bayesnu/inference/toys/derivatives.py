"""The polynomial of a model and its derivatives as lists of integers, for the lanes of toy fits."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from bayesnu.model.polynomial import FACTORS, Model

# Columns of `blocks`, after those of `kernel_arrays`: first and last + 1 of an experiment's pairs of terms.
FIRST_PAIR = 4
END_PAIR = 5


class Spectra(NamedTuple):
    """Templates (terms, bins), their transpose, and the products (pairs, bins) of two templates of one experiment.

    A row of `blocks` (experiments and constraints, 6) holds the first and last + 1 of its terms, bins and pairs.
    """

    templates: np.ndarray
    transposed: np.ndarray
    products: np.ndarray
    blocks: np.ndarray


class Form(NamedTuple):
    """The polynomial and its derivatives by the free parameters, as lists of integers.

    Variable n is parameter order[n], or its square; free ones come first, in the order of elimination. A row of
    `monomials` is a number and the variables it multiplies: the terms, then their derivatives by one and by two variables.
    A row of `linear`: a derivative, its term, and where it contributes: k of the gradient, or a place of the Hessian. A row
    of `chain`: two first derivatives, the pair of their terms, the place in the Hessian, and how often it counts. Element
    (k, m) of the Hessian has place k(k+1)/2 + m.
    """

    order: np.ndarray
    squared: np.ndarray
    monomials: np.ndarray
    linear: np.ndarray
    chain: np.ndarray


def exponents_of(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Powers of the parameters in every term (terms, parameters), and which parameters stand for their squares.

    A modulus that enters every term 0 or 2 times is replaced by its square, whose powers are 0 and 1.
    """
    exponents = np.stack([(model.factors == k).sum(axis=1) for k in range(len(model.parameters))], axis=1)
    modulus = [k < model.n_physics and not p.of_interest.signed for k, p in enumerate(model.parameters)]
    squared = np.all(exponents % 2 == 0, axis=0) & modulus
    exponents[:, squared] //= 2
    return exponents, squared


def arrange_spectra(model: Model) -> tuple[Spectra, np.ndarray]:
    """Spectra of a model, and the row of `products` for every two terms (terms, terms), -1 across experiments."""
    size = len(model.templates)
    pairs = np.full((size, size), -1)
    blocks: list[list[int]] = []
    products: list[np.ndarray] = []
    for block in (*model.blocks, *model.constraints):
        begin = len(products)
        terms = range(block.templates.start, block.templates.stop)
        for t, u in combinations_with_replacement(terms, 2):
            pairs[t, u] = len(products)
            pairs[u, t] = len(products)
            products.append(model.templates[t] * model.templates[u])
        blocks.append([terms.start, terms.stop, block.bins.start, block.bins.stop, begin, len(products)])
    templates = np.ascontiguousarray(model.templates)
    transposed = np.ascontiguousarray(templates.T)
    return Spectra(templates, transposed, np.array(products), np.array(blocks, dtype=np.int64)), pairs


def differentiate(exponents: np.ndarray, free: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differentiate every term, a row of exponents, by the first `free` variables: a derivative of a product is a product.

    Returns `monomials` and `linear` of a `Form`, and between them the first derivatives: monomial, term, k.
    """
    size = exponents.shape[1]
    unit = np.eye(size, dtype=exponents.dtype)
    products = [(1, powers) for powers in exponents]  # a number and the powers of the variables it multiplies
    first = []
    second = []
    for t, powers in enumerate(exponents):
        for k in np.flatnonzero(powers[:free]):
            first.append((len(products), t, k))
            products.append((powers[k], powers - unit[k]))
    for n, t, k in first:  # element (k, m) of the Hessian stands after the gradient, with m <= k
        times, powers = products[n]
        for m in np.flatnonzero(powers[: k + 1]):
            second.append((len(products), t, free + k * (k + 1) // 2 + m))
            products.append((times * powers[m], powers - unit[m]))
    monomials = np.full((len(products), 1 + FACTORS), size)
    for row, (times, powers) in zip(monomials, products, strict=True):
        variables = np.repeat(np.arange(size), powers)
        row[0] = times
        row[1 : 1 + len(variables)] = variables
    derivatives = np.array(first + second, dtype=np.int64).reshape(-1, 3)
    return monomials, derivatives[: len(first)], derivatives


def apply_chain_rule(first: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The list `chain` of a `Form`: every two first derivatives within an experiment."""
    one, other = np.triu_indices(len(first))
    pair = pairs[first[one, 1], first[other, 1]]
    m, k = np.sort([first[one, 2], first[other, 2]], axis=0)
    times = np.where((k == m) & (one != other), 2, 1)  # the two orders of a pair meet on the diagonal
    rows = np.stack([first[one, 0], first[other, 0], pair, k * (k + 1) // 2 + m, times], axis=1)
    return np.ascontiguousarray(rows[pair >= 0])
