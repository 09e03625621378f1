"""Ways to a classifier of images within a time limit, each in a file of its own.

A module has `fit(x, y, seconds, seed)`, which returns what predicts probabilities
`[n, c]` from images `[n, h, w]` (8-bit), and may import what only its own interpreter
has.
"""

METHODS = {
    "ours": "thalweg_images",
    "torch": "torch_cnn",
    "keras": "keras_tuner_images",
    "autokeras": "autokeras_images",
}
