import subprocess
import sys


def test_a_worker_starts_without_the_libraries_of_the_search() -> None:
    """Their import takes a second in all workers at the same time, and a hundred megabytes in each."""
    program = (
        "import sys, se_nas.commands.search.evaluation, se_nas.execution.ray.tune\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*names & {'optuna', 'sqlalchemy', 'sklearn', 'wandb', 'torch'})"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.split() == ["torch"]
