"""The measurements behind the speed claims in the README: ``make bench``."""
