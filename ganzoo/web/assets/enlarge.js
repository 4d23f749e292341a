/* Enlarges pictures smoothly, in the same way in every browser. */

const LANCZOS = 3;

/** The value of the Lanczos window at a distance in pixels. */
function lanczos(distance) {
  if (distance === 0) return 1;
  if (Math.abs(distance) >= LANCZOS) return 0;
  const angle = Math.PI * distance;
  return (LANCZOS * Math.sin(angle) * Math.sin(angle / LANCZOS)) / (angle * angle);
}

/** For each enlarged place along one side: the first pixel that counts, and the weights from there. */
function lanczosTaps(length, factor) {
  return Array.from({ length: length * factor }, (_, place) => {
    const center = (place + 0.5) / factor - 0.5;
    const first = Math.max(0, Math.ceil(center - LANCZOS));
    const last = Math.min(length - 1, Math.floor(center + LANCZOS));
    const weights = Array.from({ length: last - first + 1 }, (_, index) => lanczos(first + index - center));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/**
 * Enlarges an RGBA picture with the Lanczos filter, as Pillow does.
 *
 * @param {Uint8ClampedArray} pixels straight, not premultiplied, RGBA.
 * @param {number} factor a whole number.
 * @returns {Uint8ClampedArray}
 */
function enlarge(pixels, width, height, factor) {
  if (factor === 1) return pixels;
  const source = scaledColors(pixels, (alpha) => alpha / 255);
  const wide = lanczosRows(source, { width, height, factor });
  const large = lanczosRows(wide, { width: height, height: width * factor, factor });
  return scaledColors(large, (alpha) => (alpha ? 255 / alpha : 0));
}

/** The pixels with red, green and blue multiplied by a number that depends on their alpha. */
function scaledColors(pixels, scaleOf) {
  const result = new Uint8ClampedArray(pixels);
  for (let place = 0; place < result.length; place += 4) {
    const scale = scaleOf(result[place + 3]);
    if (scale === 1) continue;
    for (let channel = 0; channel < 3; channel += 1) result[place + channel] *= scale;
  }
  return result;
}

/** Enlarges each row, and transposes: RGBA [height, width] to [width * factor, height]. Twice, it turns back. */
function lanczosRows(source, { width, height, factor }) {
  const taps = lanczosTaps(width, factor);
  const result = new Uint8ClampedArray(taps.length * height * 4);
  for (let row = 0; row < height; row += 1) {
    taps.forEach(({ first, weights }, column) => {
      let from = 4 * (row * width + first);
      let red = 0;
      let green = 0;
      let blue = 0;
      let alpha = 0;
      for (let tap = 0; tap < weights.length; tap += 1) {
        const weight = weights[tap];
        red += weight * source[from];
        green += weight * source[from + 1];
        blue += weight * source[from + 2];
        alpha += weight * source[from + 3];
        from += 4;
      }
      const to = 4 * (column * height + row);
      result[to] = red;
      result[to + 1] = green;
      result[to + 2] = blue;
      result[to + 3] = alpha;
    });
  }
  return result;
}
