/* Answers requests for pictures. It runs in a worker, or in the page where the browser allows no worker. */

/**
 * A function that makes pictures.
 *
 * @param {object} data the model, as model_data.py writes it.
 * @returns {function(object, function(number)=): object} from a request {seed, label, truncation, to, at, amounts,
 *   codes, factor} to {pixels, large, label}: RGBA of one picture, the same enlarged if the request has a factor, and the class
 *   of a model with classes (else null). The second argument is called with the progress from 0 to 1.
 */
function pictureMaker(data) {
  const model = openModel(data);
  const directions = data.directions.map((direction) => vectorOf(direction.vector));
  const count = data.classes ? data.classes.count || 0 : 0;
  const [height, width, channels] = data.sample.dims;

  function latentOfRequest({ seed, truncation: asked, to, at, amounts, codes = [] }) {
    const truncation = data.latent.truncation === "style" ? 1 : asked; // the graph truncates the style
    const start = truncated(latentOf(seed, data.latent), truncation);
    const between =
      at > 0
        ? interpolateLatents(start, truncated(latentOf(to, data.latent), truncation), at, data.latent.distribution)
        : start;
    const latent = Float32Array.from(between);
    directions.forEach((vector, index) => {
      const amount = amounts[index] || 0;
      if (amount !== 0) vector.forEach((value, place) => (latent[place] += amount * value));
    });
    codes.forEach((code, place) => {
      if (code !== null) latent[place] = code;
    });
    return latent;
  }

  return (request, onProgress) => {
    const label = count ? (request.label === null ? classOf(request.seed, count) : request.label) : null;
    const values = model.run(latentOfRequest(request), label, onProgress, request.truncation);
    const pixels = toPixels(values, channels);
    return { pixels, label, large: request.factor ? enlarge(pixels, width, height, request.factor) : null };
  };
}

/** A direction's numbers from base64 of little-endian float32. */
function vectorOf(vector) {
  const bytes = Uint8Array.from(atob(vector), (char) => char.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
}

/**
 * A function for messages to the service: first {model: [JSON, ...]}, whose objects are merged, then {request}.
 *
 * @param {function(object, Transferable[]=)} post receives {progress}, {pixels, large, label} or {failed: text}.
 */
function pictureService(post) {
  let make = () => {
    throw new Error("The model was not opened.");
  };
  return (message) => {
    try {
      if (message.model) {
        make = pictureMaker(Object.assign({}, ...message.model.map((text) => JSON.parse(text))));
      } else {
        const answer = make(message.request, (progress) => post({ progress }));
        post(answer, [answer.pixels.buffer]);
      }
    } catch (error) {
      if (message.model) {
        make = () => {
          throw error; // the reason, again for each picture
        };
      } else {
        post({ failed: String((error && error.message) || error) });
      }
    }
  };
}

if (typeof document === "undefined") {
  const serve = pictureService((message, moved) => self.postMessage(message, moved || []));
  self.onmessage = (event) => serve(event.data);
}
