"""What several arrows do inside their transaction: load a scene, rescore, stop, pause, suppress. None of it commits."""
