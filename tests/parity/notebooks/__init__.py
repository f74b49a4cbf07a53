"""The five notebooks as torch modules, with their own names.

Each is written as its notebook has it, as far as that runs; what a notebook only
sketches is completed, and its docstring says how. `intended=True` mends what the
notebook did not mean. Ours takes them with the layouts timm, d2l, torch_encoder_bare,
torch_encoder and lucidrains_2021_03_29.
"""
