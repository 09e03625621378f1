"""What every room stands on: names, errors, types, hyper-parameters, keys."""
