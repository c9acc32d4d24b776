"""The stream stage: sources in, mentions out."""
