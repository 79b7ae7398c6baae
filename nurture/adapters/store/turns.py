"""Whoever writes to SQLite waits for their turn: first come, first served, within this process.

SQLite itself asks again after growing pauses, so that who writes much and often leaves others out for seconds.
"""

from __future__ import annotations

from collections import deque
from threading import Event, Lock


class Turns:
    """One at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_taken = False
        self._waiting: deque[Event] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for one's turn; False if it did not come within so many seconds."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = Event()
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._guard:
            if mine.is_set():  # it came just now
                return True
            self._waiting.remove(mine)
        return False

    def give(self) -> None:
        """Let the next one write."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
