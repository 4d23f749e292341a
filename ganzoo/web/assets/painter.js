/* Makes one picture at a time: the large picture first, then the pictures of the wall that are in view. */

/** A worker with the engine, or the engine in this page if there is no worker. Both have postMessage and onmessage. */
function openService(modelTexts, onMessage) {
  const source = document.getElementById("engine").textContent;

  function inPage() {
    const serve = pictureService(onMessage);
    return { postMessage: (message) => setTimeout(() => serve(message), 0) };
  }

  let service = null;
  let isReady = false;
  const waiting = [];
  function useThePage() {
    isReady = true;
    service = inPage();
    service.postMessage({ model: modelTexts });
    waiting.splice(0).forEach((message) => service.postMessage(message));
  }
  try {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(address);
    worker.onmessage = (event) => {
      isReady = true;
      waiting.length = 0;
      onMessage(event.data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      if (isReady) onMessage({ failed: event.message || "The worker stopped." });
      else useThePage();
    };
    service = worker;
    worker.postMessage({ model: modelTexts });
  } catch (error) {
    useThePage();
  }
  return {
    postMessage(message) {
      if (!isReady) waiting.push(message);
      service.postMessage(message);
    },
  };
}

/**
 * The queue of pictures.
 *
 * @param {string[]} modelTexts the JSON of the model.
 * @param {{onProgress: function(number), onFailure: function(string)}} listener for the large picture and for errors.
 */
function createPainter(modelTexts, { onProgress, onFailure }) {
  const small = new Map();
  let large = null;
  let current = null;

  const service = openService(modelTexts, (message) => {
    if (message.progress !== undefined) {
      if (current && current.isLarge) onProgress(message.progress);
      return;
    }
    const done = current;
    current = null;
    if (message.failed !== undefined) onFailure(message.failed);
    else if (done) done.paint(message);
    next();
  });

  function next() {
    if (current) return;
    if (large) {
      current = large;
      large = null;
    } else {
      const first = small.entries().next();
      if (first.done) return;
      small.delete(first.value[0]);
      current = first.value[1];
    }
    service.postMessage({ request: current.request() });
  }

  return {
    /** Makes the large picture of a request. Of several calls during one picture, only the last counts. */
    paintLarge(request, paint) {
      large = { isLarge: true, request: () => request, paint };
      next();
    },
    /** Makes a picture of the wall when nothing else waits. `key` names it for `forget`. */
    paintSmall(key, request, paint) {
      small.set(key, { isLarge: false, request, paint });
      next();
    },
    forget(key) {
      small.delete(key);
    },
  };
}
