"""Makes golden.json: a small photograph-like picture, its edges by OpenCV and its other sizes by Pillow.

pip install numpy==2.4.6 pillow==13.0.0 opencv-python-headless==5.0.0.93 && python make_golden.py
"""
import base64, io, json
import cv2
import numpy as np
from PIL import Image

random = np.random.default_rng(3)
y, x = np.mgrid[0:72, 0:96]
picture = np.stack([90 + 60 * np.sin(x / (9 + c) + c) * np.cos(y / 13) for c in range(3)], -1)
for _ in range(9):
    cx, cy, r = random.integers(0, 96), random.integers(0, 72), random.integers(6, 20)
    picture[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = random.integers(0, 256, 3)
picture = np.clip(picture + random.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


edges = []
for low, high, blur in ((100, 200, 0), (50, 120, 0), (20, 60, 1.4), (0, 300, 0.8), (200, 200, 0)):
    blurred = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
    edges.append(dict(low=low, high=high, blur=blur, png=png(cv2.Canny(blurred, low, high))))

filters = dict(area=Image.Resampling.BOX, bicubic=Image.Resampling.BICUBIC, lanczos=Image.Resampling.LANCZOS)
sizes = []
for name, resampling in filters.items():
    for width, height in ((24, 18), (40, 49), (120, 80), (1, 1), (96, 30)):
        resized = Image.fromarray(picture).resize((width, height), resampling)
        sizes.append(dict(filter=name, fit="stretch", png=png(np.asarray(resized))))
cover = Image.fromarray(picture).resize((30, 30), filters["lanczos"], box=(12, 0, 84, 72))
sizes.append(dict(filter="lanczos", fit="cover", png=png(np.asarray(cover))))

grey = np.asarray(Image.fromarray(picture).convert("L"))
json.dump(dict(picture=png(picture), edges=edges, sizes=sizes, grey=png(grey)), open("golden.json", "w"), indent=0)
