"""The dispatcher stage: marks in, incidents into the store, notifications out."""
