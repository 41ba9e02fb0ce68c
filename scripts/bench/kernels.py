"""One evaluation of the log-posterior: in numpy, in JAX, in the package, and as a loop stripped of everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.bench.posteriors import Reference
from scripts.bench.timing import in_turn

POINTS = 1024
ONE_BY_ONE = 64  # points of the loop over single ones


def measure_kernels(ref: Reference, peers: dict[str, str | None], repetitions: int, seconds: float) -> dict[str, Any]:
    """Nanoseconds per evaluation, of every kernel and repetition."""
    theta = ref.random_points(POINTS)
    some = list(theta[:ONE_BY_ONE])
    functions: dict[str, Callable[[], object]] = {
        "bayesnu": lambda: ref.compiled(theta),
        "stripped loop": lambda: ref.stripped(theta),
        "numpy, one point": lambda: [ref.numpy_one(point) for point in some],
        "numpy, 1,024 points": lambda: ref.numpy_many(theta),
    }
    if peers["jax"]:
        import jax

        compiled, on_device = jax.jit(jax.vmap(ref.jax_one)), jax.numpy.asarray(theta)
        functions["JAX, 1,024 points"] = lambda: compiled(on_device).block_until_ready()
    spent = in_turn(functions, repetitions, seconds)
    points = {name: ONE_BY_ONE if name == "numpy, one point" else POINTS for name in functions}
    return {name: {"ns": [1e9 * each / points[name] for each in values]} for name, values in spent.items()}
