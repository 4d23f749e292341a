"use strict";
/*
 * From a seed to a latent, exactly as in Python: NumPy's RandomState, whose stream NumPy has frozen (NEP 19).
 *
 * Math.log differs from Python's by one unit of 53 bits for about 7 % of the numbers. A latent has 24 bits, so this is
 * nearly always rounded away: none of 25,600,000 values differed (400,000 seeds in Node 20, with NumPy and glibc).
 */

/** The Mersenne Twister MT19937 with 53-bit doubles and polar Gaussians, as numpy.random.RandomState. */
class RandomState {
  /**
   * @param {number|number[]} seed a whole number from 0 to 2^32 - 1, or an array of them: another stream than one
   * number.
   */
  constructor(seed) {
    this.key = new Uint32Array(624);
    this.position = 624;
    this.spareNormal = null;
    if (Array.isArray(seed)) this._seedByArray(seed);
    else this._seedByNumber(seed);
  }

  _seedByNumber(seed) {
    const key = this.key;
    key[0] = seed;
    for (let i = 1; i < 624; i++) key[i] = Math.imul(1812433253, key[i - 1] ^ (key[i - 1] >>> 30)) + i;
  }

  _seedByArray(seeds) {
    const key = this.key;
    this._seedByNumber(19650218);
    let i = 1;
    const next = () => {
      if (++i < 624) return;
      key[0] = key[623];
      i = 1;
    };
    const mixed = (factor) => key[i] ^ Math.imul(key[i - 1] ^ (key[i - 1] >>> 30), factor);
    for (let k = 0; k < Math.max(624, seeds.length); k++) {
      const j = k % seeds.length;
      key[i] = mixed(1664525) + seeds[j] + j;
      next();
    }
    for (let k = 0; k < 623; k++) {
      key[i] = mixed(1566083941) - i;
      next();
    }
    key[0] = 0x80000000;
  }

  /** The next 32 random bits. */
  _bits() {
    if (this.position === 624) this._refill();
    let y = this.key[this.position++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  _refill() {
    const key = this.key;
    for (let i = 0; i < 624; i++) {
      const y = (key[i] & 0x80000000) | (key[(i + 1) % 624] & 0x7fffffff);
      key[i] = key[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }

  /** Uniform on [0, 1), with 53 bits. */
  randomSample() {
    const high = this._bits() >>> 5;
    const low = this._bits() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  uniform(low, high) {
    return low + (high - low) * this.randomSample();
  }

  /** N(0, 1) by the polar method, which makes two numbers at a time. */
  standardNormal() {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return spare;
    }
    let x, y, square;
    do {
      x = 2 * this.randomSample() - 1;
      y = 2 * this.randomSample() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    this.spareNormal = factor * x;
    return factor * y;
  }
}

/** The latent of a seed: ganzoo.latents.latents. `spec` is {dim, distribution}. */
function latentOf(seed, spec) {
  const random = new RandomState(seed);
  const normal = spec.distribution === "normal";
  const latent = new Float32Array(spec.dim);
  for (let i = 0; i < spec.dim; i++) latent[i] = normal ? random.standardNormal() : random.uniform(-1, 1);
  return latent;
}

/** The class that a seed chooses, from 0 to count - 1: ganzoo.latents.labels. */
function classOf(seed, count) {
  return Math.floor(new RandomState([seed, 1]).randomSample() * count);
}

/** The latent scaled by psi, from 0 (the mean) to 1: ganzoo.latents.truncate. */
function truncated(latent, psi) {
  const factor = Math.fround(psi);
  return latent.map((value) => value * factor);
}

/**
 * The latent at the share t (0 to 1) of the way from a to b: ganzoo.latents.interpolate. Normal latents follow the
 * great circle while their length changes linearly; uniform ones the straight line. Both ends are exact.
 */
function interpolateLatents(a, b, t, distribution) {
  if (t === 0 || t === 1) return Float32Array.from(t ? b : a);
  let [shareA, shareB] = [1 - t, t];
  if (distribution === "normal") {
    const [lengthA, lengthB] = [Math.hypot(...a), Math.hypot(...b)];
    let cosine = 0;
    for (let i = 0; i < a.length; i++) cosine += (a[i] / lengthA) * (b[i] / lengthB);
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    // Zero or parallel latents span no plane, so they follow the straight line. The angle of a zero latent is NaN.
    if (Math.sin(angle) >= 1e-6) {
      const length = (1 - t) * lengthA + t * lengthB;
      shareA = (length * Math.sin((1 - t) * angle)) / (Math.sin(angle) * lengthA);
      shareB = (length * Math.sin(t * angle)) / (Math.sin(angle) * lengthB);
    }
  }
  return a.map((value, i) => shareA * value + shareB * b[i]);
}
