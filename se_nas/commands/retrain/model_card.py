"""The model card of a retrained network: what it is, how it was made, how good it is, and its limits.

After Mitchell et al., arXiv 1810.03993.
"""

from collections.abc import Iterator

from se_nas.analysis.ablation import Ablation
from se_nas.analysis.largest_class import LargestClass
from se_nas.costs import format_cost
from se_nas.objective_metric import parse_metric
from se_nas.process.invocation import invocation
from se_nas.report.ablation_texts import ablation_sentences, design_sentence
from se_nas.runs.retrained_files import RetrainedResult, summarised
from se_nas.training.recipe import value_text
from se_nas.wording import counted, se_glyphs


def model_card(result: RetrainedResult, largest: LargestClass, ablation: Ablation | None = None) -> str:
    """The model card as Markdown, with the ablation of the network if there is one."""
    worth = [] if ablation is None else [_worth_of_se(ablation)]
    parts = (_about(result), _how_good(result, largest), *worth, _how_made(result), _use(), _limits(result))
    return "\n".join(parts)


def _about(result: RetrainedResult) -> str:
    if result.search_accuracy is None:
        origin = f"a baseline: of 1,000 networks drawn from the space, the nearest in FLOPs to trial {result.trial}"
    else:
        origin = f"found by se-nas {result.version}"
    costs = "\n".join(f"| {name} | {text} |" for name, text in _costs(result))
    names = ", ".join(_plain(name) for name in result.classes[:20])
    more = ", ..." if len(result.classes) > 20 else ""
    return f"""# {_plain(result.network)}, retrained

A convolutional network for images of {result.image_size} px in {len(result.classes)} classes ({names}{more}),
{origin}. SE by stage: `{se_glyphs(result.se)}` (a dot means no SE, a number is the reduction).
Its stages are in `architecture.yaml`, its fingerprint is `{result.fingerprint}`.

| cost of one image | |
| --- | --- |
{costs}
"""


def _costs(result: RetrainedResult) -> Iterator[tuple[str, str]]:
    """The name and the value of each cost. The name of a latency says whether it is predicted or measured."""
    for name, value in result.cost.items():
        by_table = name == "latency" and result.latency_is_predicted
        yield f"{name}, predicted by the search's table" if by_table else name, format_cost(name, value)
    if result.measured_latency is not None:
        yield "latency, measured on the table's device", format_cost("latency", result.measured_latency)


def _how_good(result: RetrainedResult, largest: LargestClass) -> str:
    tested, search = summarised([result]).tested, result.search_accuracy
    found = "not trained by the search"
    if search is not None:
        found = f"{100 * search:.2f} % of validation accuracy in its short training"
    other, metric = "", parse_metric(result.metric)
    if result.test_score is not None and result.validation_score is not None:
        other = (
            f"| {metric.label}, which scored the trials | {100 * result.test_score:.2f} % of the test images, "
            f"{100 * result.validation_score:.2f} % of the validation images |\n"
        )
    return f"""## How good it is

| | |
| --- | --- |
| test accuracy | {100 * result.test_accuracy:.2f} % of {result.test_images:,} images, used only once |
| 95 % interval for images of the same kind | {100 * tested.low:.2f} to {100 * tested.high:.2f} % (Wilson) |
| validation accuracy | {100 * result.validation_accuracy:.2f} % of {result.images["validation"]:,} images |
{other}| in the search | {found} |

{_plain(largest.sentence(metric))}
"""


def _worth_of_se(ablation: Ablation) -> str:
    design = [] if ablation.experiment is None else [design_sentence(ablation.experiment)]
    lines = "\n".join(f"- {_plain(sentence)}" for sentence in [*design, *ablation_sentences(ablation)])
    return f"""## What SE is worth in it

Measured in trainings of {counted(ablation.epochs, "epoch")}, in points of validation {ablation.metric.label} with
95 % intervals.

{lines}
"""


def _how_made(result: RetrainedResult) -> str:
    chosen = "The validation images chose the network and were never trained on."
    if result.search_accuracy is None:
        chosen = "It was chosen by its FLOPs alone."
    used = {"batch_size": result.batch_size, "learning_rate": result.peak_learning_rate}
    recipe = "\n".join(
        f"| {name.replace('_', ' ')} | {value_text(value)} |" for name, value in (result.recipe | used).items()
    )
    left_out = (
        f" {counted(result.unreadable_images, 'image file')} of the data set could not be read and "
        f"{'was' if result.unreadable_images == 1 else 'were'} left out."
        if result.unreadable_images
        else ""
    )
    searched = result.searched_images
    portion = (
        f"The search used a portion of them: {searched['train']:,} training and {searched['validation']:,} validation "
        "images."
        if searched
        else ""
    )
    return f"""## How it was made

Trained on {result.images["train"]:,} images of
`{_plain(result.data)}`, from scratch, with seed {result.seed}. {chosen} The test images were not used for it.
{portion}{left_out}

| recipe, with the values for this number of images | |
| --- | --- |
{recipe}
"""


def _use() -> str:
    return f"""## Use

```python
from se_nas import load_trained

network = load_trained("this folder")
model = network.build_model()                    # normalised (N, 3, H, W) -> logits
backbone = network.build_backbone()              # the feature maps of stem and stages, as timm's features_only
features = network.build_model(num_classes=0)    # pooled features, for transfer
```

`{invocation("predict")} FOLDER IMAGE...` prints what image files show; `{invocation("export")} FOLDER` writes the
network as ONNX and for torch alone.
"""


def _limits(result: RetrainedResult) -> str:
    return f"""## Limits

- This is one training with one seed. Another seed gives another accuracy, which the interval does not cover.
- The network knows its {len(result.classes)} classes and names one of them for any image.
- Nothing is known about images from other sources: other cameras, scales, corruptions, or a shift over time.
- It was not measured whether the accuracy differs between groups of images.
"""


def _plain(text: str) -> str:
    """The text without the characters that Markdown or a terminal would interpret."""
    return "".join(letter for letter in text if letter.isprintable() and letter not in "`|<>[]*")
