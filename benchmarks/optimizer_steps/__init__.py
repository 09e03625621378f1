"""What `optimizers.py` times: trees of parameters, calls of each library, one step."""
