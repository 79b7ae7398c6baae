"""The same passes as the daemon's, on a throwaway copy, with a clock that jumps and people who answer by chance."""

from nurture.daemon.simulate.run import Progress, Simulation, simulated

__all__ = ["Progress", "Simulation", "simulated"]
