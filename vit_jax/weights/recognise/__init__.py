"""Finding out what a file is: names, layout, model."""
