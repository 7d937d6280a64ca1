"""What a recording of so many subjects would find: a calibration whose design is asked for.

- `recording`: laboratories and subjects, read from text.
- `runner`: a calibration of those designs, and its page.
"""
