"""The pipeline: a stage is a short module; `flow` is the only file that knows the order."""
