"""What references state of models, beside what the catalog's evidence states of them."""
