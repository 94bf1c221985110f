"""The commands of `cc-bridge`: one module for each subject. Commands import their modules when they run."""
