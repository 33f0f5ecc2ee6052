"""The steps that need torch, as commands: what they can be told, apart from their work, so that `--help` asks for no package."""
