import copy

import pytest
import torch

from training.muon import BatchedMuon, orthogonalize

SETTINGS = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}


def make_matrices():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in [(8, 8), (24, 8), (8, 24), (8, 8)]]


def take_steps(optimizer, matrices, steps, start=0):
    for step in range(start, start + steps):
        generator = torch.Generator().manual_seed(step)
        for matrix in matrices:
            matrix.grad = torch.randn(matrix.shape, generator=generator)
        optimizer.step()


def test_steps_are_those_of_torch():
    ours = make_matrices()
    theirs = make_matrices()
    take_steps(BatchedMuon(ours, **SETTINGS), ours, 5)
    take_steps(torch.optim.Muon(theirs, **SETTINGS), theirs, 5)
    for mine, wanted, begun in zip(ours, theirs, make_matrices(), strict=True):
        moved = (wanted - begun).norm()
        assert (mine - wanted).norm() < 0.01 * moved, "bfloat16 keeps about three digits"


def test_saved_state_goes_on_to_the_same_bits():
    whole = make_matrices()
    take_steps(BatchedMuon(whole, **SETTINGS), whole, 4)
    first = make_matrices()
    optimizer = BatchedMuon(first, **SETTINGS)
    take_steps(optimizer, first, 2)
    second = [matrix.clone() for matrix in first]
    resumed = BatchedMuon(second, **SETTINGS)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    take_steps(resumed, second, 2, start=2)
    assert all(torch.equal(mine, wanted) for mine, wanted in zip(second, whole, strict=True))


@pytest.mark.parametrize("shape", [(6, 6), (4, 40)])
def test_singular_values_come_near_one(shape):
    stack = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalize(stack))
    well_conditioned = torch.linalg.svdvals(stack / stack.norm(dim=(1, 2), keepdim=True)) > 0.05
    assert (values[well_conditioned] > 0.5).all() and (values < 1.35).all()
