"use strict";
/*
 * The ONNX operators of ganzoo's generators, for one sample. A tensor is {dims, data}; data is row-major, float32 or
 * int32. An operator takes a node {op, inputs, outputs, attributes} and its input tensors (undefined for one that is
 * left out), and returns its output tensors. Inputs are never changed.
 *
 * ganzoo.web.model_data reads their names from the end of this file, and refuses graphs with other operators or
 * settings.
 */
const OPERATORS = (() => {
  const sizeOf = (dims) => dims.reduce((product, size) => product * size, 1);

  function stridesOf(dims) {
    const strides = new Array(dims.length).fill(1);
    for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * dims[axis + 1];
    return strides;
  }

  /**
   * Calls visit(start, a, b) for each row of a tensor, which is its last axis. The three are the position of the row in
   * the tensor, and those in two other tensors that advance by the strides a and b.
   */
  function eachRow(dims, stridesA, stridesB, visit) {
    const last = dims.length - 1;
    const index = new Int32Array(last + 1);
    const [size, length] = [sizeOf(dims), last < 0 ? 1 : dims[last]];
    for (let start = 0, a = 0, b = 0; start < size; start += length) {
      visit(start, a, b);
      for (let axis = last - 1; axis >= 0; axis--) {
        a += stridesA[axis];
        b += stridesB[axis];
        if (++index[axis] < dims[axis]) break;
        a -= stridesA[axis] * dims[axis];
        b -= stridesB[axis] * dims[axis];
        index[axis] = 0;
      }
    }
  }

  // ---- one value at a time ----

  function unary(compute) {
    return (node, [x]) => {
      const f = compute(node.attributes);
      const data = new Float32Array(x.data.length);
      for (let i = 0; i < data.length; i++) data[i] = f(x.data[i]);
      return [{ dims: x.dims, data }];
    };
  }

  /** The error function, to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26). */
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - series * Math.exp(-x * x));
  }

  // ---- two tensors, broadcast as NumPy does ----

  /** Strides of a tensor inside the larger shape `dims`: 0 along the axes where it is repeated. */
  function broadcastStrides(tensor, dims) {
    const missing = dims.length - tensor.dims.length;
    const strides = stridesOf(tensor.dims);
    return dims.map((size, axis) =>
      axis < missing || tensor.dims[axis - missing] === 1 ? 0 : strides[axis - missing],
    );
  }

  /** `row` computes one row, so that its loop is compiled for one operator alone. */
  function binary(row) {
    return (node, [x, y]) => {
      const rank = Math.max(x.dims.length, y.dims.length);
      const dims = Array.from({ length: rank }, (_, axis) =>
        Math.max(x.dims[axis - rank + x.dims.length] ?? 1, y.dims[axis - rank + y.dims.length] ?? 1),
      );
      const [stridesX, stridesY] = [broadcastStrides(x, dims), broadcastStrides(y, dims)];
      const [stepX, stepY, length] = [stridesX[rank - 1] ?? 0, stridesY[rank - 1] ?? 0, dims[rank - 1] ?? 1];
      const data = new Float32Array(sizeOf(dims));
      eachRow(dims, stridesX, stridesY, (start, i, j) => row(data, start, length, x.data, i, stepX, y.data, j, stepY));
      return [{ dims, data }];
    };
  }

  // ---- matrices and convolutions ----

  /**
   * Writes sum[m] = factors[0] * matrix[rows[0]][m] + factors[1] * matrix[rows[1]][m] + ... for the first `count`
   * factors.
   *
   * Nearly all of the time is spent here. Only the inputs that are not zero are given, after a ReLU about half of them.
   * Eight rows at a time, because a sum is then loaded and stored once for eight products. The matrix has doubles,
   * because the conversion of floats would take as long as the products.
   */
  function sumOfRows(factors, rows, count, matrix, width, sum) {
    sum.fill(0, 0, width);
    let n = 0;
    for (; n + 8 <= count; n += 8) {
      const [a, b, c, d] = [factors[n], factors[n + 1], factors[n + 2], factors[n + 3]];
      const [e, f, g, h] = [factors[n + 4], factors[n + 5], factors[n + 6], factors[n + 7]];
      const [i, j, k, l] = [rows[n] * width, rows[n + 1] * width, rows[n + 2] * width, rows[n + 3] * width];
      const [o, p, q, r] = [rows[n + 4] * width, rows[n + 5] * width, rows[n + 6] * width, rows[n + 7] * width];
      for (let m = 0; m < width; m++) {
        sum[m] +=
          a * matrix[i + m] +
          b * matrix[j + m] +
          c * matrix[k + m] +
          d * matrix[l + m] +
          e * matrix[o + m] +
          f * matrix[p + m] +
          g * matrix[q + m] +
          h * matrix[r + m];
      }
    }
    for (; n < count; n++) {
      const [factor, row] = [factors[n], rows[n] * width];
      for (let m = 0; m < width; m++) sum[m] += factor * matrix[row + m];
    }
  }

  /** Lists the values that are not zero of data[start], data[start + step], ...: their number. */
  function listNonzero(data, start, step, length, factors, rows) {
    let count = 0;
    for (let n = 0, i = start; n < length; n++, i += step) {
      factors[count] = data[i];
      rows[count] = n;
      if (data[i] !== 0) count++;
    }
    return count;
  }

  /** What `compute` makes of a weight: once, when it is first used. */
  function once(weights, key, compute) {
    weights.computed ??= {};
    return (weights.computed[key] ??= compute());
  }

  /** The values of a weight as doubles, with the axes in the order `perm`. */
  const matrixOf = (weights, perm) => once(weights, perm, () => Float64Array.from(transposed(weights, perm).data));

  function multiplied(x, matrix, inner, columns, finish) {
    const rows = sizeOf(x.dims) / inner;
    const data = new Float32Array(rows * columns);
    const [factors, indices, sum] = [new Float64Array(inner), new Int32Array(inner), new Float64Array(columns)];
    for (let row = 0; row < rows; row++) {
      const count = listNonzero(x.data, row * inner, 1, inner, factors, indices);
      sumOfRows(factors, indices, count, matrix, columns, sum);
      for (let m = 0; m < columns; m++) data[row * columns + m] = finish(sum[m], row * columns + m);
    }
    return [{ dims: [...x.dims.slice(0, -1), columns], data }];
  }

  function gemm({ attributes }, [x, weights, bias]) {
    const { alpha = 1, beta = 1, transB = 0 } = attributes;
    const [inner, columns] = transB ? [weights.dims[1], weights.dims[0]] : weights.dims;
    const matrix = matrixOf(weights, transB ? [1, 0] : [0, 1]);
    const offsets = bias ? bias.data : new Float32Array(1);
    return multiplied(x, matrix, inner, columns, (sum, i) => alpha * sum + beta * offsets[i % offsets.length]);
  }

  /** The second input is one matrix, or one for each matrix of the first. */
  function matmul(node, [x, weights]) {
    const [inner, columns] = weights.dims.slice(-2);
    if (weights.dims.length === 2) return multiplied(x, matrixOf(weights, [0, 1]), inner, columns, (sum) => sum);
    const rows = x.dims[x.dims.length - 2];
    const dims = [...x.dims.slice(0, -1), columns];
    const data = new Float32Array(sizeOf(dims));
    for (let n = 0; n < data.length / rows / columns; n++) {
      const part = { dims: [rows, inner], data: x.data.subarray(n * rows * inner, (n + 1) * rows * inner) };
      const matrix = Float64Array.from(weights.data.subarray(n * inner * columns, (n + 1) * inner * columns));
      data.set(multiplied(part, matrix, inner, columns, (sum) => sum)[0].data, n * rows * columns);
    }
    return [{ dims, data }];
  }

  function softmax({ attributes }, [x]) {
    const rank = x.dims.length;
    const axis = ((attributes.axis ?? -1) + rank) % rank;
    const [size, step] = [x.dims[axis], stridesOf(x.dims)[axis]];
    const data = new Float32Array(x.data.length);
    const powers = new Float64Array(size);
    for (let block = 0; block < data.length; block += size * step) {
      for (let start = block; start < block + step; start++) {
        let [largest, sum] = [-Infinity, 0];
        for (let n = 0; n < size; n++) largest = Math.max(largest, x.data[start + n * step]);
        for (let n = 0; n < size; n++) sum += powers[n] = Math.exp(x.data[start + n * step] - largest);
        for (let n = 0; n < size; n++) data[start + n * step] = powers[n] / sum;
      }
    }
    return [{ dims: x.dims, data }];
  }

  /**
   * Both kinds of convolution. Each pixel of the input is multiplied with the whole kernel, and the products are added
   * to the pixels of the output that they belong to.
   *
   * targets[axis][place * kernel size + tap] is the output's row or column for a row or column of the input and of the
   * kernel; -1 if it is outside.
   */
  function convolved(x, matrix, kernel, outputDims, targets, bias) {
    const [channels, height, width] = x.dims.slice(1);
    const [filters, outHeight, outWidth] = outputDims.slice(1);
    const [kernelHeight, kernelWidth] = kernel;
    const columns = kernelHeight * kernelWidth * filters;
    const [factors, indices, sum] = [new Float64Array(channels), new Int32Array(channels), new Float64Array(columns)];
    const out = new Float64Array(outHeight * outWidth * filters);
    if (bias) for (let i = 0; i < out.length; i += filters) out.set(bias.data, i);
    for (let place = 0; place < height * width; place++) {
      const [y, column] = [Math.floor(place / width), place % width];
      const count = listNonzero(x.data, place, height * width, channels, factors, indices);
      sumOfRows(factors, indices, count, matrix, columns, sum);
      for (let tapY = 0; tapY < kernelHeight; tapY++) {
        const outY = targets[0][y * kernelHeight + tapY];
        for (let tapX = 0; tapX < kernelWidth; tapX++) {
          const outX = targets[1][column * kernelWidth + tapX];
          if (outY < 0 || outX < 0) continue;
          const o = (outY * outWidth + outX) * filters;
          const m = (tapY * kernelWidth + tapX) * filters;
          for (let filter = 0; filter < filters; filter++) out[o + filter] += sum[m + filter];
        }
      }
    }
    const data = new Float32Array(out.length);
    const area = outHeight * outWidth;
    for (let i = 0, filter = 0; filter < filters; filter++) {
      for (let o = filter; i < (filter + 1) * area; i++, o += filters) data[i] = out[o];
    }
    return [{ dims: outputDims, data }];
  }

  /**
   * The targets of one axis, see `convolved`. `target` maps place and tap to a position, which may be no whole number.
   */
  function targetsOf(size, outSize, taps, target) {
    return Int32Array.from({ length: size * taps }, (_, i) => {
      const position = target(Math.floor(i / taps), i % taps);
      return Number.isInteger(position) && position >= 0 && position < outSize ? position : -1;
    });
  }

  function conv({ attributes }, [x, weights, bias]) {
    if (attributes.group > 1) return groupedConv(attributes, x, weights, bias);
    const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1] } = attributes;
    const [filters, , ...kernel] = weights.dims;
    const spans = kernel.map((taps, axis) => (taps - 1) * dilations[axis] + 1);
    const sizes = x.dims.slice(2);
    const outSizes = sizes.map(
      (n, axis) => Math.floor((n + pads[axis] + pads[axis + 2] - spans[axis]) / strides[axis]) + 1,
    );
    if (x.repeated && [...strides, ...dilations].every((n) => n === 1)) {
      return repeatedConv(x.repeated, weights, pads, outSizes, bias);
    }
    const targets = kernel.map((taps, axis) =>
      targetsOf(
        sizes[axis],
        outSizes[axis],
        taps,
        (n, tap) => (n + pads[axis] - tap * dilations[axis]) / strides[axis],
      ),
    );
    return convolved(x, matrixOf(weights, [1, 2, 3, 0]), kernel, [1, filters, ...outSizes], targets, bias);
  }

  /** A convolution for each group of channels. Groups are contiguous in the input, the weights and the output. */
  function groupedConv(attributes, x, weights, bias) {
    const { group } = attributes;
    const part = (tensor, n, axis) => {
      const [dims, length] = [[...tensor.dims], tensor.data.length / group];
      dims[axis] /= group;
      return { dims, data: tensor.data.subarray(n * length, (n + 1) * length) };
    };
    const kernels = once(weights, `groups ${group}`, () => Array.from({ length: group }, (_, n) => part(weights, n, 0)));
    const made = kernels.map(
      (kernel, n) => conv({ attributes: { ...attributes, group: 1 } }, [part(x, n, 1), kernel, bias && part(bias, n, 0)])[0],
    );
    return concat({ attributes: { axis: 1 } }, made);
  }

  /**
   * The convolution of an image whose pixels are repeated, computed from each pixel once: repeats that a kernel moves
   * to the same pixel of the output share one tap of a larger kernel, which is their sum. With 3 x 3 taps and pixels
   * repeated in squares of four, this takes 16 products instead of 36.
   */
  function repeatedConv({ source, factors }, weights, pads, outSizes, bias) {
    const [filters, channels, ...taps] = weights.dims;
    const kernel = taps.map((count, axis) => count + factors[axis] - 1);
    const matrix = once(weights, `repeated ${factors}`, () => {
      const sums = new Float64Array(channels * kernel[0] * kernel[1] * filters);
      for (let i = 0; i < weights.data.length * factors[0] * factors[1]; i++) {
        const [w, repeat] = [i % weights.data.length, Math.floor(i / weights.data.length)];
        const [tapX, tapY] = [w % taps[1], Math.floor(w / taps[1]) % taps[0]];
        const [channel, filter] = [
          Math.floor(w / taps[0] / taps[1]) % channels,
          Math.floor(w / sizeOf(taps) / channels),
        ];
        const y = taps[0] - 1 - tapY + Math.floor(repeat / factors[1]);
        const column = taps[1] - 1 - tapX + (repeat % factors[1]);
        sums[((channel * kernel[0] + y) * kernel[1] + column) * filters + filter] += weights.data[w];
      }
      return sums;
    });
    const targets = kernel.map((count, axis) =>
      targetsOf(
        source.dims[axis + 2],
        outSizes[axis],
        count,
        (n, tap) => n * factors[axis] + pads[axis] + tap - taps[axis] + 1,
      ),
    );
    return convolved(source, matrix, kernel, [1, filters, ...outSizes], targets, bias);
  }

  function convTranspose({ attributes }, [x, weights, bias]) {
    const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], output_padding: extra = [0, 0] } = attributes;
    const [, filters, ...kernel] = weights.dims;
    const sizes = x.dims.slice(2);
    const outSizes = sizes.map(
      (n, axis) =>
        strides[axis] * (n - 1) + extra[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - pads[axis] - pads[axis + 2],
    );
    const targets = kernel.map((taps, axis) =>
      targetsOf(sizes[axis], outSizes[axis], taps, (n, tap) => n * strides[axis] + tap * dilations[axis] - pads[axis]),
    );
    return convolved(x, matrixOf(weights, [0, 2, 3, 1]), kernel, [1, filters, ...outSizes], targets, bias);
  }

  // ---- moving values ----

  function transposed(x, perm) {
    const dims = perm.map((axis) => x.dims[axis]);
    const strides = perm.map((axis) => stridesOf(x.dims)[axis]);
    const [step, length] = [strides[dims.length - 1], dims[dims.length - 1]];
    const data = new x.data.constructor(x.data.length);
    eachRow(dims, strides, strides, (start, from) => {
      for (let i = start, j = from; i < start + length; i++, j += step) data[i] = x.data[j];
    });
    return { dims, data };
  }

  function reshape(node, [x, shape]) {
    const dims = Array.from(shape.data, (size, axis) => (size === 0 ? x.dims[axis] : size));
    const free = dims.indexOf(-1);
    if (free >= 0) dims[free] = x.data.length / -sizeOf(dims);
    return [{ dims, data: x.data }];
  }

  function slice(node, [x, starts, ends, axes, steps]) {
    const dims = [...x.dims];
    const strides = stridesOf(x.dims);
    let first = 0;
    starts.data.forEach((value, i) => {
      const axis = (axes ? axes.data[i] + dims.length : i + dims.length) % dims.length;
      const size = x.dims[axis];
      const within = (n, low, high) => Math.min(high, Math.max(low, n < 0 ? n + size : n));
      const step = steps ? steps.data[i] : 1;
      const last = step > 0 ? size : size - 1;
      const begin = within(value, 0, last);
      const end = within(ends.data[i], step > 0 ? 0 : -1, last);
      dims[axis] = Math.max(0, Math.ceil((end - begin) / step));
      first += begin * strides[axis];
      strides[axis] *= step;
    });
    const [step, length] = [strides[dims.length - 1], dims[dims.length - 1]];
    const data = new x.data.constructor(sizeOf(dims));
    eachRow(dims, strides, strides, (start, from) => {
      for (let i = 0; i < length; i++) data[start + i] = x.data[first + from + i * step];
    });
    return [{ dims, data }];
  }

  function concat({ attributes }, parts) {
    const rank = parts[0].dims.length;
    const axis = (attributes.axis + rank) % rank;
    const dims = parts[0].dims.map((size, n) =>
      n === axis ? parts.reduce((sum, part) => sum + part.dims[n], 0) : size,
    );
    const data = new parts[0].data.constructor(sizeOf(dims));
    const outer = sizeOf(dims.slice(0, axis));
    let position = 0;
    for (let n = 0; n < outer; n++) {
      for (const part of parts) {
        const length = part.data.length / outer;
        data.set(part.data.subarray(n * length, (n + 1) * length), position);
        position += length;
      }
    }
    return [{ dims, data }];
  }

  /** Rows of a table, along axis 0. */
  function gather(node, [table, indices]) {
    const width = sizeOf(table.dims.slice(1));
    const data = new table.data.constructor(indices.data.length * width);
    indices.data.forEach((index, n) => {
      const row = index < 0 ? index + table.dims[0] : index;
      data.set(table.data.subarray(row * width, (row + 1) * width), n * width);
    });
    return [{ dims: [...indices.dims, ...table.dims.slice(1)], data }];
  }

  function reduceMean({ attributes }, [x, axesInput]) {
    const rank = x.dims.length;
    const given = axesInput ? Array.from(axesInput.data) : (attributes.axes ?? []);
    const all = !given.length && !attributes.noop_with_empty_axes;
    const axes = all ? x.dims.map((_, axis) => axis) : given.map((axis) => (axis + rank) % rank);
    const kept = x.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
    const sums = new Float64Array(sizeOf(kept));
    const [step, length] = [strides[rank - 1], x.dims[rank - 1]];
    eachRow(x.dims, strides, strides, (start, to) => {
      for (let i = 0; i < length; i++) sums[to + i * step] += x.data[start + i];
    });
    const dims = attributes.keepdims === 0 ? x.dims.filter((_, axis) => !axes.includes(axis)) : kept;
    return [{ dims, data: Float32Array.from(sums, (sum) => (sum * sums.length) / x.data.length) }];
  }

  /** Resize of height and width: nearest neighbor (rounded down) or linear. */
  function resize({ attributes }, [x, , scales, sizes]) {
    const outSizes = [2, 3].map((axis) => (sizes ? sizes.data[axis] : Math.floor(Math.fround(x.dims[axis] * scales.data[axis]))));
    const factors = outSizes.map((size, n) => (sizes ? size / x.dims[n + 2] : scales.data[n + 2]));
    const shift = attributes.coordinate_transformation_mode === "asymmetric" ? 0 : 0.5;
    const isLinear = attributes.mode === "linear";
    // The place in the input of each row or column of the output.
    const places = outSizes.map((outSize, n) =>
      Float64Array.from({ length: outSize }, (_, i) => {
        const place = Math.min(x.dims[n + 2] - 1, Math.max(0, (i + shift) / factors[n] - shift));
        return isLinear ? place : Math.floor(place);
      }),
    );
    const made = { dims: [1, x.dims[1], ...outSizes] };
    if (!isLinear && !shift && factors.every(Number.isInteger)) made.repeated = { source: x, factors };
    let data = null; // computed when it is read, because `conv` reads `repeated` instead
    Object.defineProperty(made, "data", { get: () => (data ??= interpolated(x, places)) });
    return [made];
  }

  /** The image at rows and columns that may lie between pixels. */
  function interpolated(x, [rows, columns]) {
    const [channels, height, width] = x.dims.slice(1);
    const [source, data] = [x.data, new Float32Array(channels * rows.length * columns.length)];
    let position = 0;
    for (let channel = 0; channel < channels; channel++) {
      for (const row of rows) {
        const top = (channel * height + Math.floor(row)) * width;
        const bottom = (channel * height + Math.ceil(row)) * width;
        const down = row - Math.floor(row);
        for (const column of columns) {
          const [left, right] = [Math.floor(column), Math.ceil(column)];
          const share = column - left;
          const above = source[top + left] + share * (source[top + right] - source[top + left]);
          const below = source[bottom + left] + share * (source[bottom + right] - source[bottom + left]);
          data[position++] = above + down * (below - above);
        }
      }
    }
    return data;
  }

  return {
    Add: binary((out, o, n, x, i, stepX, y, j, stepY) => {
      for (let k = 0; k < n; k++) out[o + k] = x[i + k * stepX] + y[j + k * stepY];
    }),
    Cast: (node, [x]) => [x],
    Concat: concat,
    Conv: conv,
    ConvTranspose: convTranspose,
    Div: binary((out, o, n, x, i, stepX, y, j, stepY) => {
      for (let k = 0; k < n; k++) out[o + k] = x[i + k * stepX] / y[j + k * stepY];
    }),
    Elu: unary(
      ({ alpha = 1 }) =>
        (x) =>
          x < 0 ? alpha * Math.expm1(x) : x,
    ),
    Erf: unary(() => erf),
    Gather: gather,
    Gemm: gemm,
    Identity: (node, [x]) => [x],
    LeakyRelu: unary(
      ({ alpha = 0.01 }) =>
        (x) =>
          x < 0 ? alpha * x : x,
    ),
    MatMul: matmul,
    Mul: binary((out, o, n, x, i, stepX, y, j, stepY) => {
      for (let k = 0; k < n; k++) out[o + k] = x[i + k * stepX] * y[j + k * stepY];
    }),
    Neg: unary(() => (x) => -x),
    Reciprocal: unary(() => (x) => 1 / x),
    ReduceMean: reduceMean,
    Relu: unary(() => (x) => (x > 0 ? x : 0)),
    Reshape: reshape,
    Resize: resize,
    Sigmoid: unary(() => (x) => 1 / (1 + Math.exp(-x))),
    Slice: slice,
    Softmax: softmax,
    Sqrt: unary(() => Math.sqrt),
    Sub: binary((out, o, n, x, i, stepX, y, j, stepY) => {
      for (let k = 0; k < n; k++) out[o + k] = x[i + k * stepX] - y[j + k * stepY];
    }),
    Tanh: unary(() => Math.tanh),
    Transpose: ({ attributes }, [x]) => [transposed(x, attributes.perm ?? x.dims.map((_, axis) => axis).reverse())],
  };
})();
