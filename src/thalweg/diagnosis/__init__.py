"""What is wrong with a training: findings with their evidence and a remedy.

    model, history = tw.train(network, data, epochs=20, record_layers=True)
    print(tw.diagnose(history))

Rules read plain arrays (`Record`, `Layers`, `Trials`), whoever recorded them, and each
is a function whose thresholds are named beside it.
"""

from thalweg.diagnosis.diagnose import diagnose
from thalweg.diagnosis.finding import Diagnosis, Finding
from thalweg.diagnosis.record import Layers, Record, Trials, mean_record

__all__ = [
    "Diagnosis",
    "Finding",
    "Layers",
    "Record",
    "Trials",
    "diagnose",
    "mean_record",
]
