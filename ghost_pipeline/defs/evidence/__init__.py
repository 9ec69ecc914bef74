"""How models reach the catalog besides listings: the assets of these channels, and the sensors that record them."""
