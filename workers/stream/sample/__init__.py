"""The source `sample`: posts of our own about a brand of our own, to see the whole way without an account."""

from workers.stream.sample.brand import sample_brand
from workers.stream.sample.source import SampleSource

__all__ = ["SampleSource", "sample_brand"]
