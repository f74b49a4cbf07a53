"""Notebook 002_3cb6: free tensors around torch's nn.TransformerEncoder.

Completed: the tensors are parameters of a module, under the notebook's names. The
notebook runs the encoder as it was made, in training mode; here it is in evaluation
mode. `Encoder` is what reads the image, `Notebook002` has the classifier too.

Literal: batch_first is forgotten, so that images attend to each other and tokens do
not, and the logits are those of the class token's *parameter*, the same for every
image. Intended: batch_first, and the logits of the class token behind the encoder.
"""

import torch
from torch import nn
from torch.nn import functional as F


def image2emb_navie(
    image: torch.Tensor, patch_size: int, weight: torch.Tensor
) -> torch.Tensor:
    patch = F.unfold(image, kernel_size=patch_size, stride=patch_size)
    patch = patch.transpose(-1, -2)
    return patch @ weight


def image2emb_conv(
    image: torch.Tensor, kernel: torch.Tensor, stride: int
) -> torch.Tensor:
    conv_output = F.conv2d(image, kernel, stride=stride)
    bs, oc, oh, ow = conv_output.shape
    return conv_output.reshape((bs, oc, oh * ow)).transpose(-1, -2)


class Encoder(nn.Module):
    def __init__(
        self,
        patch_size: int = 4,
        ic: int = 3,
        model_dim: int = 8,
        max_num_token: int = 16,
        nhead: int = 8,
        num_layers: int = 6,
        *,
        intended: bool = False,
    ):
        super().__init__()
        patch_depth = patch_size * patch_size * ic
        self.weight = nn.Parameter(torch.randn(patch_depth, model_dim))
        self.cls_token_embedding = nn.Parameter(torch.randn(1, 1, model_dim))
        self.position_embedding_table = nn.Parameter(
            torch.randn(max_num_token, model_dim)
        )
        encoder_layer = nn.TransformerEncoderLayer(
            d_model=model_dim, nhead=nhead, batch_first=intended
        )
        # Without a padding mask nested tensors change nothing; torch warns that it
        # cannot use them where batch_first is forgotten.
        self.transformer_encoder = nn.TransformerEncoder(
            encoder_layer, num_layers=num_layers, enable_nested_tensor=False
        )
        # What is left out is an identity, and can be hooked.
        self.linear_layer = nn.Identity()
        self.patch_size, self.ic = patch_size, ic
        self.intended = intended

    @property
    def kernel(self) -> torch.Tensor:
        """The weight as a convolution has it."""
        kernel = self.weight.transpose(0, 1)
        return kernel.reshape(-1, self.ic, self.patch_size, self.patch_size)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Returns the notebook's encoder_output."""
        bs = image.shape[0]
        patch_embedding_conv = image2emb_conv(image, self.kernel, self.patch_size)
        token_embedding = torch.cat(
            [self.cls_token_embedding.repeat(bs, 1, 1), patch_embedding_conv], dim=1
        )
        seq_len = token_embedding.shape[1]
        position_embdding = torch.tile(
            self.position_embedding_table[:seq_len], [token_embedding.shape[0], 1, 1]
        )
        token_embedding = token_embedding + position_embdding
        return self.transformer_encoder(token_embedding)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.linear_layer(self.encode(image))


class Notebook002(Encoder):
    def __init__(self, *, num_classes: int = 10, intended: bool = False):
        super().__init__(intended=intended)
        model_dim = self.weight.shape[1]
        self.linear_layer = nn.Linear(model_dim, num_classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        encoder_output = self.encode(image)
        if self.intended:
            return self.linear_layer(encoder_output[:, 0, :])
        logits = self.linear_layer(self.cls_token_embedding)
        return logits.squeeze(1)
