"""The messages on the topics, their versions and the topic catalogue: what every other part may import."""
