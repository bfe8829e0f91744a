"""A server of one queue as a model: hits of a generator at known times, without a network or a clock."""

from fogflow_k8s.model.bench.evaluation import Hit

BEGIN = 1_700_000_000.0


def hits(rate, count, latency_s=lambda _: 0.02, *, late_s=lambda _: 0.0, code=lambda _: 200, error=lambda _: ""):
    """The hits of a step; each property is a function of the number."""
    return [Hit(n, BEGIN + n / rate + late_s(n), latency_s(n), code(n), error(n)) for n in range(count)]


def served(rate, duration_s, limit, *, base_s=0.002):
    """The hits at a server that admits `limit` requests per second, first come first served."""
    free_at, found = 0.0, []
    for n in range(round(rate * duration_s)):
        begins = max(n / rate, free_at)
        free_at = begins + 1 / limit
        found.append(Hit(n, BEGIN + n / rate, free_at + base_s - n / rate, 200, ""))
    return found
