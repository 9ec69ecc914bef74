"""``python -m ghost_pipeline`` is ``ghost-pipeline``."""

from ghost_pipeline.cli import main

main(prog_name="ghost-pipeline")
