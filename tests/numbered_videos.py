"""Small videos whose frames show their own numbers, and MP4 files with a flag changed."""

import os
import struct

import cv2
import numpy as np

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read once a process, as by pixels/video.py

SIZE = (96, 128)
"""Height and width of a frame, pixels."""

CODECS = {"MJPG": "avi", "mp4v": "mp4", "VP80": "webm", "FFV1": "mkv", "MPG1": "mpg", "WMV2": "wmv"}
"""Codec -> container: intra- and inter-coded, with and without reordered frames."""


def frame(number):
    """Uint8 [96, 128, 3] RGB: the number's bits as bright squares, a disc that moves."""
    image = np.full((*SIZE, 3), 60, np.uint8)
    for bit in range(8):
        if number >> bit & 1:
            image[8:40, 4 + 15 * bit : 15 + 15 * bit] = 230
    cv2.circle(image, (10 + 2 * (number % 50), 70), 8, (200, 100, 50), -1)
    return image


def number(image):
    """Which `frame` this is."""
    return sum((image[16:32, 7 + 15 * bit : 13 + 15 * bit].mean() > 140) << bit for bit in range(8))


def write(path, codec="mp4v", count=40, fps=50.0, frames=None):
    """A video of frames 0 to count - 1, or of the RGB frames given; gives its path."""
    frames = [frame(i) for i in range(count)] if frames is None else frames
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, (width, height))
    assert writer.isOpened(), codec
    for image in frames:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def turn(path):
    """Sets the rotation flag of an MP4 file to a quarter turn, as telephones do."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version, times, ids, layer and volume stand before
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[start : start + 36] = quarter
    path.write_bytes(data)
    return path


def speed_up(path, after):
    """Shows the frames of an MP4 file from number `after` on for half the time."""
    data = bytearray(path.read_bytes())
    at = data.index(b"stts") - 4
    size, _, _, entries, count, step = struct.unpack(">I4sIIII", data[at : at + 24])
    assert (size, entries) == (24, 1)
    table = struct.pack(">I4sIIIIII", 32, b"stts", 0, 2, after, step, count - after, step // 2)
    data[at : at + 24] = table
    for box in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):  # which contain it
        place = data.index(box) - 4
        (old,) = struct.unpack(">I", data[place : place + 4])
        data[place : place + 4] = struct.pack(">I", old + 8)
    path.write_bytes(data)
    return path
