"""A computed sound track: soft tones, and clicks at exactly known samples for tests of synchrony."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 48_000

ATTACK_SECONDS = 0.008
CLICK_SECONDS = 0.002
CLICK_FREQUENCY = 2000.0
CLICK_LEVEL = 0.8
# A major pentatonic scale sounds well in any order.
PENTATONIC = (220.00, 277.18, 329.63, 369.99, 440.00, 554.37, 659.26, 739.99)


@dataclass(frozen=True)
class Tone:
    """A plucked note."""

    start: float
    """Seconds."""
    frequency: float
    """Hertz."""
    level: float = 0.25
    """Amplitude at its loudest, 1 is full scale."""
    decay: float = 0.5
    """Seconds until it has fallen to 1/e."""
    side: float = 0.5
    """0 is left, 1 is right."""


@dataclass(frozen=True)
class SoundTrack:
    """What a scene sounds like: any part of it can be computed at any time."""

    tones: tuple[Tone, ...] = ()
    clicks: tuple[float, ...] = ()
    """Seconds; the first sample of a click that is not silent is ``round(time * rate)``."""
    channels: int = 2
    """1 or 2."""
    rate: int = SAMPLE_RATE
    """Samples per second."""

    def __post_init__(self) -> None:
        if self.channels not in (1, 2):
            raise ValueError(f"a sound track has 1 or 2 channels, not {self.channels}")

    @classmethod
    def melody(cls, duration: float, *, seed: int = 0, beat: float = 0.25) -> SoundTrack:
        """A quiet tune for demonstrations: one note of the scale on every beat.

        Args:
            duration: Length of the tune in seconds.
            seed: Chooses the tune.
            beat: Time between two notes in seconds.
        """
        random = np.random.Generator(np.random.Philox(seed))
        starts = np.arange(0, duration, beat)
        notes = random.choice(PENTATONIC, len(starts))
        sides = random.uniform(0.2, 0.8, len(starts))
        tones = (
            Tone(float(start), float(note), side=float(side))
            for start, note, side in zip(starts, notes, sides, strict=True)
        )
        return cls(tuple(tones))

    def samples(self, start: float, end: float) -> np.ndarray:
        """The sound between two times.

        Args:
            start: Seconds, inclusive.
            end: Seconds, exclusive.

        Returns:
            float32 ``[channels, samples]`` in [-1, 1]; sample k belongs to ``round(start * rate) + k``.
        """
        first, last = round(start * self.rate), round(end * self.rate)
        number = np.arange(first, last)
        sound = np.zeros((self.channels, len(number)))
        for tone in self.tones:
            sound += self._balance(tone.side) * self._tone(tone, number)
        for click in self.clicks:
            age = (number - round(click * self.rate)) / self.rate
            # A quarter of a period ahead: the first sample is at full level already.
            wave = CLICK_LEVEL * np.cos(2 * np.pi * CLICK_FREQUENCY * age)
            sound += np.where((age >= 0) & (age < CLICK_SECONDS), wave, 0.0)
        return sound.clip(-1, 1).astype(np.float32)

    def _tone(self, tone: Tone, number: np.ndarray) -> np.ndarray:
        """One note at the samples ``number``."""
        age = np.maximum(number / self.rate - tone.start, 0)
        envelope = tone.level * np.minimum(age / ATTACK_SECONDS, 1) * np.exp(-age / tone.decay)
        phase = 2 * np.pi * tone.frequency * age
        # A little of the octave above keeps it from sounding like a test signal.
        return envelope * (0.8 * np.sin(phase) + 0.2 * np.sin(2 * phase))

    def _balance(self, side: float) -> np.ndarray:
        """Level per channel ``[channels, 1]``, of equal power between two."""
        if self.channels == 1:
            return np.ones((1, 1))
        angle = side * np.pi / 2
        return np.array([[np.cos(angle)], [np.sin(angle)]])
