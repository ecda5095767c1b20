from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from se_nas.data.batches.augmentation import Draws, cut_out, draw_epoch, mix, shift_and_mirror
from se_nas.training.recipe import Recipe


def draws_of(
    images: int, batch_size: int, *, mirror: bool = True, seed: int = 0, epoch: int = 0, size: int = 16, **recipe: float
) -> Draws:
    return draw_epoch(
        images,
        batch_size,
        image_size=size,
        mirror=mirror,
        recipe=Recipe(**{"epochs": 3, **recipe}),
        seed=seed,
        epoch=epoch,
    )


class TestOrder:
    def test_an_epoch_visits_each_image_once(self) -> None:
        assert sorted(draws_of(12, 4).chosen.flatten().tolist()) == list(range(12))

    def test_only_full_batches_are_drawn_and_each_epoch_leaves_out_other_images(self) -> None:
        left_out = set()
        for epoch in range(5):
            chosen = draws_of(11, 4, epoch=epoch).chosen
            left_out.add(frozenset(range(11)) - set(chosen.flatten().tolist()))

            assert chosen.shape == (2, 4)
            assert len(set(chosen.flatten().tolist())) == 8
        assert len(left_out) > 1

    def test_seed_and_epoch_decide_all_draws(self) -> None:
        both = {"mixup": 0.2, "cutmix": 1.0}
        first, again = draws_of(32, 8, seed=1, **both), draws_of(32, 8, seed=1, **both)

        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
        for other in (draws_of(32, 8, seed=2, **both), draws_of(32, 8, seed=1, epoch=1, **both)):
            assert not any(torch.equal(one, another) for one, another in zip(first, other, strict=True))
        assert first.chosen.flatten().tolist() != list(range(32))


class TestMirroring:
    def test_each_image_is_mirrored_in_every_second_epoch(self) -> None:
        mirrored = np.zeros((4, 64), bool)
        for epoch in range(4):
            draws = draws_of(64, 16, epoch=epoch)
            mirrored[epoch, draws.chosen.flatten()] = draws.mirrored.flatten()

        assert (mirrored[0] ^ mirrored[1]).all()
        assert (mirrored[0] == mirrored[2]).all()
        assert 16 < mirrored[0].sum() < 48

    def test_no_image_is_mirrored_if_mirror_images_show_another_class(self) -> None:
        assert not any(draws_of(64, 16, mirror=False, epoch=epoch).mirrored.any() for epoch in range(4))


def noise(images: int, size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(1, 256, (images, size, size, 3)).astype(np.uint8)


def augmented(image: NDArray[np.uint8], down: int, right: int, flipped: bool) -> NDArray[np.uint8]:
    """The image through a window that is moved `down` and `right`, with black outside, and mirrored if `mirrored`."""
    size, result = len(image), np.zeros_like(image)
    for row, column in product(range(size), range(size)):
        if 0 <= row + down < size and 0 <= column + right < size:
            result[row, column] = image[row + down, column + right]
    return result[:, ::-1] if flipped else result


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize(("size", "reach"), [(16, 2), (8, 1), (7, 0)])
def test_an_image_is_shifted_by_at_most_an_eighth_and_mirrored_only_if_allowed(
    size: int, reach: int, mirror: bool
) -> None:
    """Each augmented image is among all allowed images; over 40 epochs, each kind occurs."""
    images, seen = noise(8, size), set()
    allowed = set(product(range(-reach, reach + 1), range(-reach, reach + 1), {False, mirror}))
    for epoch in range(40):
        (chosen,), (shift,), (mirrored,), *_ = draws_of(8, 8, size=size, mirror=mirror, epoch=epoch)
        for place, result in zip(
            chosen, shift_and_mirror(torch.from_numpy(images)[chosen], shift, mirrored), strict=True
        ):
            variants = {kind: augmented(images[place], *kind) for kind in allowed}
            (kind,) = [kind for kind, variant in variants.items() if (variant == result.numpy()).all()]
            seen.add(kind)

    assert seen == allowed


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_a_square_of_the_given_size_is_cut_out_and_ends_at_the_border(share: float) -> None:
    images = torch.rand(3, 3, 16, 16) + 1

    inside, corner, edge = cut_out(images, torch.tensor([[8, 0, 15], [8, 0, 8]]), share)

    for result, image in zip((inside, corner, edge), images, strict=True):
        hole = result == 0
        assert torch.equal(result[~hole], image[~hole])
        assert torch.equal(hole[0], hole[2])
    side = round(share * 16)
    assert (inside[0] == 0).sum() == min(side, 8 + side // 2) ** 2
    assert 0 < (corner[0] == 0).sum() <= (inside[0] == 0).sum()


NO_PATCH = torch.tensor([3, 3, 0])


def test_images_are_mixed_with_the_batch_in_reverse_order() -> None:
    images = torch.rand(4, 3, 8, 8)

    mixed = mix(images, torch.tensor(0.75), NO_PATCH)

    torch.testing.assert_close(mixed[0], 0.75 * images[0] + 0.25 * images[3])
    torch.testing.assert_close(mixed[2], 0.75 * images[2] + 0.25 * images[1])


def test_a_patch_of_the_partner_replaces_that_part_of_the_image_alone() -> None:
    images = torch.rand(4, 3, 8, 8)

    mixed = mix(images, torch.tensor(0.9), torch.tensor([1, 6, 4]))  # rows -1 to 2, columns 4 to 7

    assert torch.equal(mixed[0, :, :3, 4:], images[3, :, :3, 4:])
    rest = torch.ones(8, 8, dtype=torch.bool)
    rest[:3, 4:] = False
    assert torch.equal(mixed[0][:, rest], images[0][:, rest])


@pytest.mark.parametrize("recipe", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_the_share_of_a_mixed_label_is_the_share_of_the_images_pixels(recipe: dict[str, float]) -> None:
    """The test uses white images whose partners are black."""
    draws = draws_of(2000, 2, **recipe)
    images = torch.stack([torch.ones(3, 16, 16), torch.zeros(3, 16, 16)])

    seen = torch.stack([mix(images, *each)[0].mean() for each in zip(draws.share, draws.patch, strict=True)])

    torch.testing.assert_close(seen, draws.share)
    assert ((draws.share >= 0) & (draws.share <= 1)).all()
    assert 0.3 < draws.share.mean() < 0.7
    with_patch = (draws.patch[:, 2] > 0).float().mean()
    assert {1: with_patch == 0, 2: with_patch > 0.95, 3: 0.4 < with_patch < 0.6}[
        ("mixup" in recipe) + 2 * ("cutmix" in recipe)
    ]


def test_shares_are_1_if_images_are_not_mixed() -> None:
    assert (draws_of(640, 10).share == 1).all()


def test_the_processes_divide_each_batch() -> None:
    whole = draws_of(64, 10, mixup=0.2)

    parts = [whole.of_process(rank, 3) for rank in range(3)]

    assert [part.chosen.shape for part in parts] == [(6, 3)] * 3
    assert sorted(torch.cat([part.chosen for part in parts], 1)[0].tolist()) == sorted(whole.chosen[0, :9].tolist())
    for part in parts:
        assert (part.shift.shape, part.hole.shape, part.mirrored.shape) == ((6, 2, 3), (6, 2, 3), (6, 3))
        assert torch.equal(part.share, whole.share)
