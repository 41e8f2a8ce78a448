"""Weight pruning: weights that matter little become zero, and channels go.

The arithmetic is in `arrays`, each pass in the file of its name.
"""
