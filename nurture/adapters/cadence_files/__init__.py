"""The marketers' YAML: read strictly, every problem at its place."""
