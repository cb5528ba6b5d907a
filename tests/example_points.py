"""Points for the selection of a coreset, and the selection as anomalib computes it."""

import torch


def greedy(points: torch.Tensor, count: int, first: int) -> list[int]:
    """Select by the greedy rule as anomalib computes it."""
    nearest = torch.full((len(points),), torch.inf)
    selected = [first]
    for _ in range(count - 1):
        nearest = torch.minimum(nearest, torch.linalg.norm(points - points[selected[-1]], ord=2, dim=1))
        nearest[selected[-1]] = 0
        selected.append(int(nearest.argmax()))
    return selected


def texture(count: int, dimension: int, seed: int) -> torch.Tensor:
    """Draw points with the decaying spectrum of patches of a texture."""
    generator = torch.Generator().manual_seed(seed)
    scales = torch.arange(1, dimension + 1) ** -1.0
    return torch.randn(count, dimension, generator=generator) * scales


GENERATOR = torch.Generator().manual_seed(1)
ADVERSARIAL = {
    "all equal": torch.ones(500, 16),
    "duplicates": texture(50, 20, 0).repeat(20, 1),
    "a lattice of ties": torch.cartesian_prod(*[torch.arange(9.0)] * 4),
    "one outlier": torch.cat([texture(999, 30, 0), torch.full((1, 30), 1e4)]),
    "one tight cluster far away": 1e3 + 1e-3 * texture(1000, 30, 0),
    "two clusters": torch.cat([texture(700, 30, 0), 50 + texture(300, 30, 1)]),
    "noise without structure": torch.rand(3000, 100, generator=GENERATOR),
    "one dimension": torch.rand(3000, 1, generator=GENERATOR),
    "on a line": torch.rand(3000, 1, generator=GENERATOR) * torch.ones(1, 40),
    "three points": torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]]),
}
