"""Makes the classifier's weights from our own posts and the licensed sets. Not imported at run time."""
