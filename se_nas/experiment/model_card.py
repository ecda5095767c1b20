"""The model card of a retrained network: what it is, how it was made, how good it is and where that ends.

After Mitchell et al., arXiv 1810.03993.
"""

from collections.abc import Mapping
from typing import Any

from se_nas.search.held_out import held_out_accuracy
from se_nas.wording import format_cost, se_glyphs


def model_card(result: Mapping[str, Any]) -> str:
    """Markdown, from what `result.json` holds."""
    images, accuracy = result["test_images"], result["test_accuracy"]
    tested = held_out_accuracy([(round(accuracy * images), images)])
    counts = result["images"]
    search = result["search_accuracy"]
    found = (
        f"{100 * search:.2f} % of validation accuracy in the search's short training"
        if search is not None
        else "not trained by the search: a baseline of equal FLOPs"
    )
    costs = "\n".join(f"| {name} | {format_cost(name, value)} ({value:,}) |" for name, value in result["cost"].items())
    recipe = "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in result["recipe"].items())
    names = ", ".join(_plain(name) for name in result["classes"][:20])
    more = ", ..." if len(result["classes"]) > 20 else ""
    return f"""# {result["network"]}, retrained

A RegNet-style network for images of {result["image_size"]} px in {len(result["classes"])} classes ({names}{more}),
found by se-nas {result["version"]}. SE by stage: `{se_glyphs(result["se"])}` (a dot is none, a number the reduction).
Its stages are in `architecture.yaml`, its fingerprint is `{result["fingerprint"]}`.

| cost of one image | |
| --- | --- |
{costs}

## How good it is

| | |
| --- | --- |
| test accuracy | {100 * accuracy:.2f} % of {images:,} images, looked at once |
| 95 % interval for images of the same kind | {100 * tested.low:.2f} to {100 * tested.high:.2f} % (Wilson) |
| validation accuracy | {100 * result["validation_accuracy"]:.2f} % of {counts["validation"]:,} images |
| in the search | {found} |

## How it was made

Trained on {counts["train"]:,} images of `{_plain(result["data"])}`, from scratch, with seed {result["seed"]}. The
validation images chose the network and were never trained on; the test images had no part in either.

| recipe | |
| --- | --- |
{recipe}

## Use

```python
from se_nas.training.trained import load_trained

network = load_trained("this folder")
model = network.build_model()                    # normalised (N, 3, H, W) -> logits
backbone = network.build_backbone()              # the feature maps of stem and stages, as timm's features_only
features = network.build_model(num_classes=0)    # pooled features, for transfer
```

`python launch/predict.py FOLDER IMAGE...` names what image files show; `python launch/export.py FOLDER` writes it for
ONNX and for torch alone.

## Limits

- One training with one seed: another seed gives another accuracy, which the interval does not cover.
- It knows its {len(result["classes"])} classes and will name one of them for any image.
- Nothing is known of images that come from elsewhere: other cameras, scales, corruptions, or a shift over time.
- Whether the accuracy differs between groups of images was not looked at.
"""


def _plain(text: str) -> str:
    """Without what Markdown or a terminal would act on."""
    return "".join(letter for letter in text if letter.isprintable() and letter not in "`|<>[]*")
