"""Sound files of the prompts: speech synthesis, recording sheet, and the check of files on disk."""
