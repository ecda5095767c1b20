from se_nas.commands.interface import Run as Run
from se_nas.commands.interface import load_run as load_run
from se_nas.commands.interface import resume as resume
from se_nas.commands.interface import retrain as retrain
from se_nas.commands.interface import search as search
from se_nas.commands.retrain.flags import RetrainRequest as RetrainRequest
from se_nas.commands.search.flags import SearchRequest as SearchRequest
from se_nas.errors import InputError as InputError
from se_nas.errors import RunFailedError as RunFailedError
from se_nas.models.cost import measure_cost as measure_cost
from se_nas.models.network import build_model as build_model
from se_nas.shipped_files import shipped as shipped
from se_nas.space.design_space import DesignSpace as DesignSpace
from se_nas.space.files.loading import load_design_space as load_design_space
from se_nas.training.detection.detector_file import TrainedDetector as TrainedDetector
from se_nas.training.detection.detector_file import load_detector as load_detector
from se_nas.training.trained import TrainedNetwork as TrainedNetwork
from se_nas.training.trained import load_trained as load_trained

__version__: str
