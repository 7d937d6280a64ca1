"""Films that a reader of docs/predict.md would have: a video, and a folder of its frames."""

import cv2
import drawn_films
import numbered_videos

FACE = (slice(105, 345), slice(80, 320))
"""The face in a drawn frame, for networks that have learnt from cropped ones."""


def write(folder):
    """Writes film.avi and frames/ into a folder."""
    drawn = drawn_films.clips()[0].motion
    images = [drawn.frame(n) for n in range(drawn.spec.onset, drawn.spec.offset + 1)]
    numbered_videos.write(folder / "film.avi", codec="MJPG", frames=images)
    (folder / "frames").mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / "frames" / f"img{number:03}.png"), image[..., ::-1])
