"""`make bench-rivals`: mxhub beside Logprep and Tenzir, each from the package index in an environment of its
own, with the same load generator and the same sink.
"""
