"""Makes pictures.json: small picture files of every kind, and the RGB that a reader must give.

pip install numpy==2.4.6 pillow==13.0.0 && python make_pictures.py
"""
import base64, io, json, struct, zlib
import numpy as np
from PIL import Image

random = np.random.default_rng(1)
width, height = 13, 7
cases = []


def add(name, data, rgb, tolerance=0):
    rgb = np.asarray(rgb, dtype=np.uint8)
    encode = lambda raw: base64.b64encode(bytes(raw)).decode()
    cases.append(dict(name=name, file=encode(data), width=rgb.shape[1], height=rgb.shape[0],
                      rgb=encode(rgb.tobytes()), tolerance=tolerance))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(lines, step):
    """Each line with another of the five filters."""
    result, above = b"", np.zeros(len(lines[0]), int)
    for number, line in enumerate(np.asarray(lines, int)):
        left = np.concatenate([np.zeros(step, int), line[:-step]]) if len(line) > step else np.zeros(len(line), int)
        corner = np.concatenate([np.zeros(step, int), above[:-step]]) if len(line) > step else np.zeros(len(line), int)
        guess = left + above - corner
        distance = np.abs(np.stack([guess - left, guess - above, guess - corner]))
        paeth = np.choose(distance.argmin(0), [left, above, corner])
        predicted = [0 * line, left, above, (left + above) // 2, paeth][number % 5]
        result += bytes([number % 5]) + bytes(((line - predicted) % 256).astype(np.uint8))
        above = line
    return result


def packed(samples, depth):
    """Lines of samples [height, width · channels] as bytes."""
    if depth == 16:
        return samples.astype(">u2").view(np.uint8).reshape(len(samples), -1)
    if depth == 8:
        return samples.astype(np.uint8)
    bits = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth:]
    return np.packbits(bits.reshape(len(samples), -1), axis=1)


def png(samples, depth, colour, extra=b"", interlace=0):
    h, w, channels = samples.shape
    step = max(1, channels * depth // 8)
    passes = [(0, 0, 1, 1)] if not interlace else [
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        if part.size:
            raw += filtered(packed(part.reshape(len(part), -1), depth), step)
    header = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw))
            + chunk(b"IEND", b""))


def to_rgb(samples, depth, alpha=None):
    value = np.floor(samples / (2**depth - 1) * 255 + 0.5)
    if value.shape[2] == 1:
        value = np.repeat(value, 3, axis=2)
    if alpha is not None:
        value = value * alpha + 255 * (1 - alpha)
    return np.floor(value + 0.5)


def draw(depth, channels):
    return random.integers(0, 2**depth, (height, width, channels))


for depth in (1, 2, 4, 8, 16):
    grey = draw(depth, 1)
    add(f"png grey {depth}", png(grey, depth, 0), to_rgb(grey, depth))
    clear = int(grey[0, 0, 0])
    add(f"png grey {depth} with a transparent level", png(grey, depth, 0, chunk(b"tRNS", struct.pack(">H", clear))),
        to_rgb(grey, depth, (grey != clear).astype(float)))
for depth in (8, 16):
    for name, colour, channels in (("rgb", 2, 3), ("grey alpha", 4, 2), ("rgba", 6, 4)):
        for interlace in (0, 1):
            samples = draw(depth, channels)
            alpha = samples[..., -1:] / (2**depth - 1) if channels % 2 == 0 else None
            if depth == 16 and alpha is not None:
                alpha = np.floor(alpha * 255 + 0.5) / 255
            rgb = to_rgb(samples[..., :channels - 1] if channels % 2 == 0 else samples, depth, alpha)
            add(f"png {name} {depth}{' interlaced' if interlace else ''}",
                png(samples, depth, colour, interlace=interlace), rgb, tolerance=1 if alpha is not None else 0)
    samples = draw(depth, 3)
    clear = samples[2, 3]
    opaque = (samples != clear).any(axis=2, keepdims=True).astype(float)
    add(f"png rgb {depth} with a transparent colour", png(samples, depth, 2, chunk(b"tRNS", struct.pack(">3H", *clear))),
        to_rgb(samples, depth, opaque))
for depth in (1, 2, 4, 8):
    index, palette = draw(depth, 1), random.integers(0, 256, (2**depth, 3))
    plte = chunk(b"PLTE", bytes(palette.astype(np.uint8)))
    add(f"png palette {depth}", png(index, depth, 3, plte), palette[index[..., 0]])
    alpha = np.full(2**depth, 255)
    alpha[: 2**depth // 2 + 1] = random.integers(0, 256, 2**depth // 2 + 1)
    rgb = to_rgb(palette[index[..., 0]], 8, alpha[index] / 255)
    add(f"png palette {depth} with alpha", png(index, depth, 3, plte + chunk(b"tRNS", bytes(alpha[: 2**depth // 2 + 1].astype(np.uint8)))),
        rgb, tolerance=1)

y, x = np.mgrid[0:21, 0:34]
smooth = np.stack([128 + 100 * np.sin(x / 7 + c) * np.cos(y / 5) for c in range(3)], -1).astype(np.uint8)
picture = Image.fromarray(smooth)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pillow(name, data, tolerance, image=None):
    add(name, data, np.asarray((image or Image.open(io.BytesIO(data))).convert("RGB")), tolerance)


for name, options in (("baseline", {}), ("progressive", dict(progressive=True)), ("4:4:4", dict(subsampling=0))):
    pillow(f"jpeg {name}", saved(picture, "JPEG", quality=90, **options), 3)
pillow("jpeg grey", saved(picture.convert("L"), "JPEG", quality=90), 3)
from PIL import ImageOps
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(picture, "JPEG", quality=90, subsampling=0, exif=exif)
    pillow(f"jpeg turned {orientation}", data, 3, ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
pillow("webp lossy", saved(picture, "WEBP", quality=90), 2)
pillow("webp lossless", saved(picture, "WEBP", lossless=True), 0)
rgba = np.concatenate([smooth, np.broadcast_to((x * 7)[..., None], smooth.shape[:2] + (1,)).astype(np.uint8)], -1)
white = to_rgb(rgba[..., :3], 8, rgba[..., 3:] / 255)
add("webp lossless with alpha", saved(Image.fromarray(rgba), "WEBP", lossless=True, exact=True), white, 1)

refused = {
    "jpeg cmyk": saved(picture.convert("CMYK"), "JPEG"),
    "webp animated": saved(picture, "WEBP", save_all=True, append_images=[picture.rotate(180)], duration=100),
    "png grey 4 interlaced": png(draw(4, 1), 4, 0, interlace=1),
    "gif": saved(picture, "GIF"),
    "bmp": saved(picture, "BMP"),
}
from PIL import PngImagePlugin
info = PngImagePlugin.PngInfo()
info.add_text("parameters", "a café\nSteps: 1")
info.add_text("compressed", "zip " * 50, zip=True)
info.add_text("unicode", "日本語 😀")
info.add_itxt("language", "Straße", lang="de", tkey="Übersetzt", zip=True)
text = saved(picture.resize((2, 2)), "PNG", pnginfo=info)

json.dump(dict(cases=cases, refused={k: base64.b64encode(v).decode() for k, v in refused.items()},
               text=base64.b64encode(text).decode()), open("pictures.json", "w"), indent=0)
