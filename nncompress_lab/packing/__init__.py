"""The packed file: any Keras model in as few bytes as its numbers really need.

`docs/packed-format.md` describes the file so that another language could read it.
"""
