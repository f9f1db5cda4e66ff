"""The sound track: known times, known pitch, any part of it alone."""

from __future__ import annotations

import numpy as np
import pytest

from vfi.data.synthetic import SoundTrack, Tone


def test_a_click_begins_at_its_sample() -> None:
    sound = SoundTrack(clicks=(0.25, 1.0), channels=1).samples(0.0, 2.0)
    assert sound.shape == (1, 96000)
    assert sound.dtype == np.float32
    loud = np.flatnonzero(np.abs(sound[0]) > 0.5)
    starts = loud[np.diff(loud, prepend=-1000) > 100]
    np.testing.assert_array_equal(starts, [12000, 48000])
    assert np.all(sound[0, :12000] == 0)


def test_a_tone_has_its_pitch_and_fades() -> None:
    sound = SoundTrack((Tone(0.0, 440.0, decay=0.3),)).samples(0.0, 1.0)
    spectrum = np.abs(np.fft.rfft(sound[0]))
    assert int(spectrum.argmax()) == 440
    assert np.abs(sound[:, 40000:]).max() < 0.3 * np.abs(sound[:, :8000]).max()


def test_sides() -> None:
    left = SoundTrack((Tone(0.0, 440.0, side=0.0),)).samples(0.0, 0.1)
    assert np.abs(left[0]).max() > 0.1
    assert np.abs(left[1]).max() < 1e-6


def test_parts_make_the_whole() -> None:
    track = SoundTrack.melody(1.0, seed=3)
    whole = track.samples(0.0, 1.0)
    parts = np.concatenate([track.samples(0.0, 0.37), track.samples(0.37, 1.0)], axis=1)
    np.testing.assert_array_equal(whole, parts)
    assert 0.05 < np.abs(whole).max() <= 1
    assert (whole != SoundTrack.melody(1.0, seed=4).samples(0.0, 1.0)).any()


def test_channels() -> None:
    with pytest.raises(ValueError, match="1 or 2 channels"):
        SoundTrack(channels=6)
