"""Frames, faces and optical flow."""
