"""Sound: voices, speech to hide a sentence in, and files of any length.

Conventions. A waveform is float32, shape (samples,), mono, 16 kHz, within
[-1, 1]. Positions and durations inside this room are whole samples at 16 kHz;
seconds appear only at its edges. Levels are in dB relative to full scale,
measured over the parts of a waveform that are not silent.
"""
