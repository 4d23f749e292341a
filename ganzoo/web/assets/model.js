"use strict";
/* Runs the generator of a bundle, as ganzoo.web.model_data describes it, and turns its samples into pixels. */
const { openModel, toPixels } = (() => {
  /**
   * Opens a model for run(latent, label, onProgress, truncation). The truncation, from 0 to 1, is that of the style; a
   * model that truncates its latent ignores it.
   *
   * `data` is the object that ganzoo.web.model_data returns. Throws an Error if it is incomplete, or if the graph has
   * an operator that OPERATORS lacks.
   */
  function openModel(data) {
    const blob = decodeBase64(data.weights);
    const constants = new Map(data.tensors.map((tensor) => [tensor.name, readTensor(tensor, blob)]));
    const { nodes, inputs, output } = data.graph;
    const unknown = nodes.map((node) => node.op).filter((op) => !Object.hasOwn(OPERATORS, op));
    if (unknown.length) throw new Error(`This page cannot run the operator ${unknown[0]}.`);
    const lastReader = new Map();
    nodes.forEach((node, n) => node.inputs.forEach((name) => lastReader.set(name, n)));
    const totalCost = nodes.reduce((sum, node) => sum + node.cost, 0);

    function run(latent, label = null, onProgress = null, truncation = 1) {
      if (latent.length !== data.latent.dim) {
        throw new Error(`A latent of this model has ${data.latent.dim} values; received ${latent.length}.`);
      }
      const values = new Map([["latent", { dims: [1, latent.length], data: latent }]]);
      if (inputs.includes("label")) {
        if (!Number.isInteger(label) || label < 0 || label >= data.classes.count) {
          throw new Error(`The class must be from 0 to ${data.classes.count - 1}; received ${label}.`);
        }
        values.set("label", { dims: [1], data: Int32Array.of(label) });
      }
      if (inputs.includes("truncation")) values.set("truncation", { dims: [], data: Float32Array.of(truncation) });
      let done = 0;
      nodes.forEach((node, n) => {
        const made = OPERATORS[node.op](
          node,
          node.inputs.map((name) => values.get(name) ?? constants.get(name)),
        );
        node.outputs.forEach((name, i) => values.set(name, made[i]));
        for (const name of node.inputs) if (lastReader.get(name) === n) values.delete(name);
        done += node.cost;
        if (onProgress) onProgress(done / totalCost);
      });
      return values.get(output).data;
    }

    return { dims: data.sample.dims, run };
  }

  /**
   * Samples in [-1, 1] in h * w * c order as RGBA bytes for ImageData: ganzoo.images.to_uint8. `channels` is 1
   * (grayscale), 3 (RGB) or 4 (RGBA). Throws an Error for values that are not numbers.
   */
  function toPixels(values, channels) {
    if (values.some(Number.isNaN)) throw new Error("The image has values that are not numbers.");
    const pixels = new Uint8ClampedArray((values.length / channels) * 4).fill(255);
    // A clamped array rounds to the nearest level, ties to even, as NumPy's rint.
    const level = (i) => Math.fround(Math.fround(values[i] + 1) * 127.5);
    for (let i = 0, p = 0; i < values.length; i += channels, p += 4) {
      for (let channel = 0; channel < Math.max(3, channels); channel++) {
        pixels[p + channel] = level(channels === 1 ? i : i + channel);
      }
    }
    return pixels;
  }

  function decodeBase64(text) {
    const characters = atob(text);
    const bytes = new Uint8Array(characters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
    return bytes.buffer;
  }

  /** One tensor of the weights, as float32 or int32: {dims, data}. */
  function readTensor({ name, dims, dtype, offset, length }, blob) {
    if (offset + length > blob.byteLength) throw new Error(`The weights of this page are incomplete: ${name}.`);
    if (dtype === "float16") return { dims, data: decodeHalves(new Uint16Array(blob, offset, length / 2)) };
    const type = { float32: Float32Array, int32: Int32Array }[dtype];
    return { dims, data: new type(blob, offset, length / 4) };
  }

  /** float16 numbers as float32: one bit of sign, five of exponent, ten of fraction. */
  function decodeHalves(halves) {
    const values = new Float32Array(halves.length);
    const units = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (Math.max(1, exponent) - 25));
    for (let i = 0; i < halves.length; i++) {
      const exponent = (halves[i] >> 10) & 31;
      const fraction = (halves[i] & 1023) + (exponent ? 1024 : 0);
      values[i] = (halves[i] & 0x8000 ? -fraction : fraction) * units[exponent];
    }
    return values;
  }

  return { openModel, toPixels };
})();
