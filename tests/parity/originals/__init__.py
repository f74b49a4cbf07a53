"""Published models as modules of their authors' names, written anew from the sources.

Each has what a forward pass in evaluation mode needs and no more, but exactly the
original's parameters and buffers, by name and shape, and its arithmetic. Sizes are
given in our words. `tests.parity.originals.table` lists them.
"""
