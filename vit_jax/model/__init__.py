"""The architecture: head(pool(encode(embed(images))))."""
