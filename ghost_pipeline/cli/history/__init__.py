"""Commands that show what changed and what was."""
