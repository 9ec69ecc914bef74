"""``python -m ghost_pipeline`` is ``ghost-pipeline``."""

from ghost_pipeline.cli import main

if __name__ == "__main__":
    main(prog_name="ghost-pipeline")
