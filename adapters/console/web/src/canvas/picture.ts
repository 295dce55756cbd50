// From a file to an address that fits into a shared document.

/** Longest address that is written, in bytes: a picture travels to everybody with the document. */
const MAX_BYTES = 256 * 1024;
/** Longest side in pixels: twice the width of a page, for sharp displays. */
const MAX_SIDE = 1200;
/** Tried in this order until the picture fits. */
const QUALITIES = [0.85, 0.7, 0.5, 0.3] as const;

/** A size with the same proportions whose longer side is at most `limit`. */
export const within = (width: number, height: number, limit: number): readonly [number, number] => {
  const scale = Math.min(1, limit / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
};

/**
 * Reads a picture as a data URL of at most 256 KiB, made smaller where needed.
 * Fails with a sentence for people when it is no picture, or does not fit at any quality.
 */
export const load = async (file: File): Promise<string> => {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error("This file is not a picture that the browser can read.");
  });
  const [width, height] = within(bitmap.width, bitmap.height, MAX_SIDE);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("The browser cannot draw pictures here.");
  // JPEG has no transparency, and every mail client shows JPEG.
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  for (const quality of QUALITIES) {
    const url = canvas.toDataURL("image/jpeg", quality);
    if (url.length <= MAX_BYTES) return url;
  }
  throw new Error(`This picture is larger than ${MAX_BYTES / 1024} KiB even at low quality.`);
};
