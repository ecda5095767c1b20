import math
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from se_nas.data.batches.device_data import DeviceData
from se_nas.data.image_data import ImageData, ImageSet
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import EpochResult, Trainer, TrainingDivergedError, build_initial_model, train
from tests.fakes import separable_data, tiny_architecture

CPU = torch.device("cpu")


def trainer_of(
    *, seed: int = 0, data: ImageData | None = None, model: nn.Module | None = None, **recipe: float
) -> Trainer:
    """A trainer of the tiny network on separable images, for three epochs unless `epochs` is given."""
    data = data or separable_data()
    model = model or build_initial_model(tiny_architecture(), num_classes=data.classes, seed=seed)
    device_data = DeviceData.of(data.train, data.validation, mirrored=data.mirrored, device=CPU)
    return Trainer(model, device_data, Recipe(**{"epochs": 3, **recipe}), seed=seed, device=CPU)


def curve(results: list[EpochResult]) -> list[tuple[int, float, float]]:
    """The results of the epochs without their times."""
    return [(result.epoch, result.loss, result.accuracy) for result in results]


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether all tensors are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Constant(nn.Module):
    """Predicts `answer` for every image, and records the images of its training."""

    def __init__(self, answer: int = 0) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.eye(3)[answer])
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen.append(images)
        return self.logits.expand(len(images), 3)


class TestInitialModel:
    def test_the_seed_alone_decides_the_weights(self) -> None:
        torch.manual_seed(1)
        first = build_initial_model(tiny_architecture(), num_classes=3, seed=5).state_dict()
        torch.manual_seed(2)
        again = build_initial_model(tiny_architecture(), num_classes=3, seed=5).state_dict()
        other = build_initial_model(tiny_architecture(), num_classes=3, seed=6).state_dict()

        assert equal(first, again)
        assert not equal(first, other)

    def test_building_a_model_keeps_the_global_random_state(self) -> None:
        before = torch.get_rng_state()

        build_initial_model(tiny_architecture(), num_classes=3, seed=5)

        assert torch.equal(torch.get_rng_state(), before)


class TestTraining:
    def test_a_training_learns_separable_images(self) -> None:
        *_, last = train(trainer_of(epochs=6))

        assert last.accuracy > 0.9  # a guess has one in three

    def test_the_same_seed_gives_the_same_training_bit_for_bit(self) -> None:
        first, again = trainer_of(seed=7), trainer_of(seed=7)
        torch.manual_seed(1)
        results = list(train(first))
        torch.manual_seed(2)

        assert curve(list(train(again))) == curve(results)
        assert equal(first.tensors(), again.tensors())

    def test_another_seed_gives_another_training_of_the_same_weights(self) -> None:
        def of_seed(seed: int) -> list[EpochResult]:
            model = build_initial_model(tiny_architecture(), num_classes=3, seed=0)
            return list(train(trainer_of(seed=seed, model=model)))

        assert curve(of_seed(1)) != curve(of_seed(2))

    def test_a_training_keeps_the_global_random_state(self) -> None:
        trainer, before = trainer_of(), torch.get_rng_state()

        trainer.run_epoch()

        assert torch.equal(torch.get_rng_state(), before)

    def test_each_epoch_has_its_own_order(self) -> None:
        trainer = trainer_of(model=(model := Constant()))

        list(train(trainer))

        first, second, third = torch.stack(model.seen).reshape(3, -1, 3, 8, 8)
        assert not torch.equal(first, second)
        assert not torch.equal(second, third)

    def test_epochs_are_counted_from_one_and_end_with_the_recipe(self) -> None:
        assert [result.epoch for result in train(trainer_of())] == [1, 2, 3]

    def test_the_caller_may_stop_after_any_epoch(self) -> None:
        trainer = trainer_of()

        list(islice(train(trainer), 2))

        assert trainer.epoch == 2

    @pytest.mark.parametrize("learning_rate", [1e30, math.inf, math.nan])
    def test_a_loss_that_is_not_finite_ends_the_training(self, learning_rate: float) -> None:
        with pytest.raises(TrainingDivergedError, match=r"the training loss became (nan|inf) in epoch \d"):
            list(train(trainer_of(learning_rate=learning_rate)))

    def test_weight_decay_applies_to_the_weights_of_layers_and_not_to_norms_and_biases(self) -> None:
        """One step from the same weights, with and without decay: only the decayed weights differ."""

        def after_one_step(weight_decay: float) -> dict[str, Tensor]:
            model = build_initial_model(tiny_architecture(), num_classes=3, seed=0)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter += 0.1  # a bias of zero would not show its decay
            trainer = trainer_of(
                model=model, data=separable_data(train=16), epochs=1, weight_decay=weight_decay, momentum=0.5
            )
            trainer.run_epoch()
            return dict(model.named_parameters())

        plain, decayed = after_one_step(0.0), after_one_step(0.5)

        differing = {name for name in plain if not torch.equal(plain[name], decayed[name])}
        assert differing == {name for name, parameter in plain.items() if parameter.ndim > 1}
        assert {name.rpartition(".")[2] for name in differing} == {"weight"}
        assert not any("norm" in name for name in differing)


class TestEvaluation:
    def test_accuracy_is_the_fraction_of_correct_evaluation_images(self) -> None:
        data = separable_data()

        for answer in range(3):
            accuracy = trainer_of(model=Constant(answer), data=data).evaluate()
            assert accuracy == pytest.approx((data.validation.labels == answer).mean())

    def test_other_images_can_be_evaluated(self) -> None:
        data = separable_data()
        others = DeviceData.of(data.train, data.test, mirrored=data.mirrored, device=CPU).evaluation

        accuracy = trainer_of(model=Constant(0), data=data).evaluate(others)

        assert accuracy == pytest.approx((data.test.labels == 0).mean())

    def test_an_evaluation_keeps_the_trainer_unchanged(self) -> None:
        trainer = trainer_of()
        trainer.run_epoch()
        before = {name: tensor.clone() for name, tensor in trainer.tensors().items()}

        assert trainer.evaluate() == trainer.evaluate()
        assert equal(trainer.tensors(), before)


class TestClassWeights:
    """Classes with few images, in a training whose recipe balances the classes."""

    @staticmethod
    def uneven(rare: int) -> ImageData:
        """Images of noise in two classes, of which class 1 has `rare` of 96 training images."""
        rng = np.random.default_rng(0)
        labels = (np.arange(96) < rare).astype(np.int64)
        pixels = rng.integers(0, 256, (96, 8, 8, 3)).astype(np.uint8)
        train = ImageSet(images=pixels, labels=labels)
        held = ImageSet(images=pixels[:4], labels=np.array([0, 1, 0, 1]))
        return ImageData(name="uneven", class_names=("a", "b"), train=train, validation=held, test=held, mirrored=True)

    @pytest.mark.parametrize("rare", [4, 20, 48])
    def test_the_weights_are_those_of_scikit_learn(self, rare: int) -> None:
        data = self.uneven(rare)
        device_data = DeviceData.of(data.train, data.validation, mirrored=True, device=CPU)

        # imported here, because each process of test_distributed imports this file
        from sklearn.utils.class_weight import compute_class_weight

        expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=data.train.labels)
        assert device_data.balanced_weights().tolist() == pytest.approx(expected.tolist())

    @pytest.mark.parametrize("mixup", [0.0, 0.5])
    def test_even_classes_are_trained_as_without_weights(self, mixup: float) -> None:
        plain, balanced = (
            list(train(trainer_of(data=self.uneven(48), epochs=2, mixup=mixup, class_weights=weights)))  # type: ignore[arg-type]
            for weights in ("none", "balanced")
        )

        assert [result.loss for result in balanced] == pytest.approx([result.loss for result in plain], rel=1e-4)

    def test_a_network_that_learns_nothing_but_the_classes_names_both_equally_often(self) -> None:
        chances = {}
        for weights in ("none", "balanced"):
            trainer = trainer_of(data=self.uneven(12), model=Bias(), epochs=40, class_weights=weights)  # type: ignore[arg-type]
            list(train(trainer))
            chances[weights] = trainer.model.bias.softmax(0)[1].item()

        assert chances["none"] == pytest.approx(12 / 96, abs=0.08)
        assert chances["balanced"] == pytest.approx(0.5, abs=0.08)


class Bias(nn.Module):
    """Predicts the same for every image, and learns what."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(self, images: Tensor) -> Tensor:
        return self.bias.expand(len(images), 2) + 0 * images.sum()
