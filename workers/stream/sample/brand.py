"""The brand that the sample's posts are about. It does not exist."""

from config.brands import Brand
from config.keywords import Keyword

HANDLE = "hikeshi_sample"


def sample_brand() -> Brand:
    """The brand beside those of `brands.yaml`."""
    keywords = ("サンプル電機", "Sample Denki", "サンプルホーム", "SampleHome")
    return Brand(
        name="サンプル電機",
        id="sample",
        keywords=tuple(Keyword(text=text) for text in keywords),
        handles=(HANDLE,),
        own=(HANDLE,),
        timezone="Asia/Tokyo",
    )
