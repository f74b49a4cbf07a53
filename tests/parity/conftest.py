"""Real torch references: tiny, every parameter random, offline."""

import torch

# timm imports torchvision, whose wheel for CUDA does not load beside a torch for CPU:
# it asks torch for operators that only its own library defines. Declaring the two names
# is enough; no test calls them.
OPERATORS = torch.library.Library("torchvision", "DEF")
OPERATORS.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
OPERATORS.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
