"""What several sources state of one fact: which statement counts, where they differ, what is implausible."""
