"""The starter model: a few million parameters that learn the ten library personas from this project's own text.

Start at `build.py`, which names every step. Nothing here is needed to run chatfriends; it only makes `personas/starter/starter.gguf`.
"""
