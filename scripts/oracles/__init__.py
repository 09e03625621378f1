"""The calls of other libraries that are recorded, one file per library."""
