"""The polynomial of a model and its derivatives as lists of integers, for the lanes of toy fits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesnu.model.polynomial import FACTORS, Model

# Columns of `slopes`: an experiment, a variable, first and last + 1 of the monomials that are derivatives by it there.
OF_EXPERIMENT = 0
OF_VARIABLE = 1
FIRST_SLOPE = 2
END_SLOPE = 3


class Spectra(NamedTuple):
    """Templates (terms, bins), and their transpose.

    A row of `blocks` (experiments and constraints, 4) holds the first and last + 1 of its terms and bins.
    """

    templates: np.ndarray
    transposed: np.ndarray
    blocks: np.ndarray


class Form(NamedTuple):
    """The polynomial and its derivatives by the free parameters, as lists of integers.

    Variable n is parameter order[n], or its square; free ones come first, in the order of elimination.

    * A row of `monomials`: a number and the variables it multiplies. They are the terms, then their derivatives by one
      variable and by two.
    * A row of `linear`: a derivative, its term, and where it contributes: k of the gradient, or a place of the Hessian.
      Element (k, m) of the Hessian has place k(k+1)/2 + m.
    * A row of `slopes`: an experiment, a variable by which its counts change, and the monomials of that change. A column of
      `spectra` (bins, monomials) is the template that a monomial multiplies. Rows of one experiment follow each other.
    """

    order: np.ndarray
    squared: np.ndarray
    monomials: np.ndarray
    linear: np.ndarray
    slopes: np.ndarray
    spectra: np.ndarray


def exponents_of(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Powers of the parameters in every term (terms, parameters), and which parameters stand for their squares.

    A modulus that enters every term 0 or 2 times is replaced by its square, whose powers are 0 and 1.
    """
    exponents = np.stack([(model.factors == k).sum(axis=1) for k in range(len(model.parameters))], axis=1)
    modulus = [k < model.n_physics and not p.of_interest.signed for k, p in enumerate(model.parameters)]
    squared = np.all(exponents % 2 == 0, axis=0) & modulus
    exponents[:, squared] //= 2
    return exponents, squared


def arrange_spectra(model: Model) -> Spectra:
    """Spectra of a model."""
    blocks = (*model.blocks, *model.constraints)
    ends = [(each.templates.start, each.templates.stop, each.bins.start, each.bins.stop) for each in blocks]
    templates = np.ascontiguousarray(model.templates)
    return Spectra(templates, np.ascontiguousarray(templates.T), np.array(ends, dtype=np.int64))


def number_experiments(model: Model) -> np.ndarray:
    """The number of the experiment or constraint of every term (terms,)."""
    owners = np.empty(len(model.templates), dtype=np.int64)
    for number, block in enumerate((*model.blocks, *model.constraints)):
        owners[block.templates] = number
    return owners


def differentiate(exponents: np.ndarray, free: int, experiments: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differentiate every term, a row of exponents, by the first `free` variables: a derivative of a product is a product.

    `experiments` (terms,) says whose term it is. Returns `monomials` and `linear` of a `Form`, and between them the first
    derivatives, in the order of experiments and variables: monomial, term, k.
    """
    size = exponents.shape[1]
    unit = np.eye(size, dtype=exponents.dtype)
    products = [(1, powers) for powers in exponents]  # a number and the powers of the variables it multiplies
    first = []
    second = []
    terms, variables = np.nonzero(exponents[:, :free])
    for n in np.lexsort([terms, variables, experiments[terms]]):
        t = terms[n]
        k = variables[n]
        first.append((len(products), t, k))
        products.append((exponents[t, k], exponents[t] - unit[k]))
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


def arrange_slopes(first: np.ndarray, experiments: np.ndarray, templates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists `slopes` and `spectra` of a `Form`, from first derivatives in the order of `differentiate`."""
    keys = np.stack([experiments[first[:, 1]], first[:, 2]], axis=1)
    groups, begins, sizes = np.unique(keys, axis=0, return_index=True, return_counts=True)
    starts = first[begins, 0]
    slopes = np.column_stack([groups, starts, starts + sizes])
    spectra = np.zeros((templates.shape[1], int(slopes[:, END_SLOPE].max(initial=0))))
    spectra[:, first[:, 0]] = templates[first[:, 1]].T
    return np.ascontiguousarray(slopes, dtype=np.int64), spectra
