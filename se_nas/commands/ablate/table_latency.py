"""The milliseconds of SE by the search's latency table, beside the milliseconds that this device takes."""

from collections.abc import Iterator

from se_nas.analysis.ablation import Ablation
from se_nas.commands.ablate.experiment import Experiment
from se_nas.commands.ablate.findings import amounts_by_place
from se_nas.commands.preflight import cost_on
from se_nas.data.image_data import ImageData
from se_nas.errors import MissingPartError
from se_nas.training.known_latency.table import LatencyTable


def latency_lines_of_places(
    ablation: Ablation, experiment: Experiment, data: ImageData, table: LatencyTable | None
) -> Iterator[str]:
    """A line with the latency that SE adds in each place, measured and by the table; none if there is no table.

    A table that lacks a part of these networks gives a line that names the part.
    """
    if table is None:
        return
    cost_of = cost_on(data, table)
    arms = [arm for arm in experiment.placements[: experiment.size] if not arm.cell.is_own]
    try:
        predicted = {arm.name: [float(cost_of(arm.network)["latency"])] for arm in arms}
    except MissingPartError as error:
        yield f"latency   measured on this device; the search's table does not know these networks: {error}"
        return
    labels = [place.label for place in experiment.factors.places]
    by_place = dict(zip(labels, amounts_by_place(experiment, predicted)[:, 0].tolist(), strict=True))
    texts = []
    for effect in ablation.effects:
        measured = effect.added["latency"].amount
        texts.append(f"{effect.where} {measured:+z.3f} ms and {by_place[effect.where]:+z.3f} ms")
    yield (
        f"latency   of SE, measured on this device and by the search's table ({table.setting.title}): "
        f"{'; '.join(texts)}"
    )
