/* The page: from controls to a state, from the state to a picture. */

const about = JSON.parse(document.getElementById("about").textContent);
const modelTexts = ["about", "weights"].map((id) => document.getElementById(id).textContent);
const byId = (id) => document.getElementById(id);
const picture = byId("picture");
const [height, width] = about.sample.dims;
/** How much the large picture is enlarged, so that its longer side has at least 448 px. */
const factor = Math.max(1, Math.ceil(448 / Math.max(height, width)));
picture.width = width * factor;
picture.height = height * factor;
const model = {
  name: about.name,
  load: about.load,
  count: about.classes ? about.classes.count || 0 : 0,
  names: (about.classes && about.classes.names) || [],
  directions: about.directions,
  codes: about.codes,
};
/** On a small screen, the large picture becomes smaller when the wall is reached. */
function watchWall() {
  const parts = new Set();
  const observer = new IntersectionObserver(
    (changes) => {
      for (const { isIntersecting, target } of changes) {
        if (isIntersecting) parts.add(target);
        else parts.delete(target);
      }
      byId("frame").classList.toggle("compact", parts.size > 0);
    },
    { rootMargin: "0px 0px -45% 0px" },
  );
  observer.observe(byId("wall"));
  observer.observe(byId("about-title").parentElement);
}

const firstRead = readHash(location.hash, model);
let state = firstRead.state;

function className(label) {
  if (label === null) return "";
  const name = labelText(label, model);
  return /^[0-9]+$/.test(name) ? `class ${name}` : name;
}

const describe = (seed, label) => [`Seed ${seed}`, className(label)].filter(Boolean).join(", ");

function describeState(label) {
  if (state.at === 0) return describe(state.seed, label);
  const percent = `${Math.round(100 * state.at)}% from seed ${state.seed} to seed ${state.to}`;
  return [percent, className(label)].filter(Boolean).join(", ");
}

function note(text) {
  byId("note").textContent = text;
}

/** Calls a function once, after the last of several calls. */
function settled(action, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}

let progressTimer = 0;
const painter = createPainter(modelTexts, {
  onProgress: (progress) => (byId("progress").value = progress),
  onFailure(text) {
    endProgress();
    morph.stop();
    note(`The picture could not be made: ${text}`);
  },
});

function endProgress() {
  clearTimeout(progressTimer);
  progressTimer = 0;
  byId("progress").hidden = true;
}

let shownPixels = null;
const painted = [];

/** Makes the large picture of the state. Resolves when it, or a later one, is painted. */
function paint() {
  const shown = state;
  if (!progressTimer) {
    byId("progress").value = 0;
    progressTimer = setTimeout(() => (byId("progress").hidden = false), 200);
  }
  return new Promise((resolve) => {
    painted.push(resolve);
    painter.paintLarge({ ...shown, factor }, ({ pixels, large, label }) => {
      picture.getContext("2d").putImageData(new ImageData(large, picture.width, picture.height), 0, 0);
      shownPixels = pixels;
      if (shown === state) {
        endProgress();
        byId("caption").textContent = describeState(label);
        picture.setAttribute("aria-label", `Generated picture: ${describeState(label)}`);
        picture.dataset.shows = writeHash(state, model);
        speak(describeState(label));
      }
      painted.splice(0).forEach((done) => done());
    });
  });
}

const speak = settled((text) => (byId("spoken").textContent = text), 500);
const keepInAddress = settled(() => {
  try {
    history.replaceState(null, "", writeHash(state, model));
  } catch (error) {
    note("This browser does not keep the state in the address. Use the button for a link.");
  }
}, 200);

const wall = createWall(painter, {
  size: { width, height },
  choices: () => ({
    label: state.label,
    truncation: state.truncation,
    codes: state.codes,
    amounts: state.amounts,
  }),
  describe,
  onChoice: (seed) => choose({ seed, at: 0 }),
});
const refreshWall = settled(() => wall.refresh(), 300);

/** Writes the state into the controls, except the field that the user types into. */
function showControls() {
  const values = {
    seed: state.seed,
    from: state.seed,
    to: state.to,
    at: Math.round(100 * state.at),
    truncation: state.truncation,
    class: state.label === null ? "" : state.label,
  };
  for (const [id, value] of Object.entries(values)) {
    const field = byId(id);
    if (field !== document.activeElement || parseSeed(field.value) !== value) field.value = value;
    if (field.type === "number") field.removeAttribute("aria-invalid");
  }
  byId("truncation-value").textContent = state.truncation.toFixed(2);
  byId("at-value").textContent = `${Math.round(100 * state.at)}%`;
  byId("at").setAttribute("aria-valuetext", `${Math.round(100 * state.at)}% to seed ${state.to}`);
  state.codes.forEach((code, index) => {
    byId(`code-${index}`).value = code === null ? 0 : code;
    byId(`code-${index}-value`).textContent = code === null ? "by the seed" : code.toFixed(2);
  });
  state.amounts.forEach((amount, index) => {
    byId(`direction-${index}`).value = amount;
    byId(`direction-${index}-value`).textContent = amount.toFixed(2);
  });
  byId("python").textContent = pythonLine(state, model);
  wall.mark(state.at === 0 ? state.seed : null);
}

/** Changes the state. Everything else follows. */
function choose(change, { keepPlaying = false } = {}) {
  if (!keepPlaying) morph.stop();
  state = { ...state, ...change };
  note("");
  showControls();
  keepInAddress();
  if (["label", "truncation", "codes", "amounts"].some((key) => key in change)) refreshWall();
  return paint();
}

const morph = createMorph(
  byId("play"),
  () => 100 * state.at,
  (percent) => choose({ at: percent / 100 }, { keepPlaying: true }),
);

function onSeed(id, change) {
  const field = byId(id);
  field.addEventListener("input", () => {
    const seed = parseSeed(field.value);
    if (seed !== null) {
      choose(change(seed));
      return;
    }
    morph.stop(); // its next picture would replace what the user types
    field.setAttribute("aria-invalid", "true");
    note(`A seed is a whole number from 0 to ${MAX_SEED}.`);
  });
  field.addEventListener("change", () => {
    if (parseSeed(field.value) !== null) return;
    field.blur();
    showControls();
  });
}

function onSlider(slider, change) {
  slider.addEventListener("input", () => choose(change(Number(slider.value))));
}

/** Adds a slider with a label and its value to a panel. The ids are `id` and `id-value`. */
function addSlider(panel, { id, name, range }, change) {
  const field = document.createElement("div");
  const head = document.createElement("div");
  const label = document.createElement("label");
  const slider = document.createElement("input");
  const value = document.createElement("output");
  field.className = "field";
  head.className = "head";
  slider.id = label.htmlFor = id;
  value.id = `${id}-value`;
  value.htmlFor = id;
  label.textContent = name;
  const step = Math.round((100 * range) / 60) / 100; // the address and the text have two decimals, too
  Object.assign(slider, { type: "range", min: -range, max: range, step, autocomplete: "off" });
  onSlider(slider, change);
  head.append(label, value);
  field.append(head, slider);
  panel.append(field);
}

const replaced = (values, index, value) => values.map((old, other) => (other === index ? value : old));

function addDirections() {
  byId("directions").hidden = model.directions.length === 0;
  model.directions.forEach(({ name, range }, index) => {
    const shown = /^[0-9]+$/.test(name) ? `Direction ${name}` : name[0].toUpperCase() + name.slice(1);
    addSlider(byId("directions"), { id: `direction-${index}`, name: shown, range }, (amount) => ({
      amounts: replaced(state.amounts, index, amount),
    }));
  });
}

/** A slider for each continuous code, over the values that are common in the training. */
function addCodes() {
  byId("codes").hidden = model.codes === 0;
  const range = about.latent.distribution === "normal" ? 3 : 1;
  for (let index = 0; index < model.codes; index += 1) {
    addSlider(byId("codes"), { id: `code-${index}`, name: `Code ${index}`, range }, (code) => ({
      codes: replaced(state.codes, index, code),
    }));
  }
}

function addClasses() {
  byId("class-field").hidden = model.count === 0;
  for (let label = 0; label < model.count; label += 1) {
    byId("class").add(new Option(model.names[label] || `Class ${label}`, String(label)));
  }
}

async function copy(text, done) {
  note((await copyText(text)) ? done : `Copy it from here: ${text}`);
}

function readAddress() {
  const { state: read, ignored } = readHash(location.hash, model);
  choose(read);
  noteIgnored(ignored);
}

function noteIgnored(ignored) {
  if (ignored.length) note(`Ignored in the address: ${ignored.join(", ").slice(0, 100)}`);
}

function step(by) {
  choose({ seed: (state.seed + by + MAX_SEED + 1) % (MAX_SEED + 1), at: 0 });
}

function save(scale) {
  if (shownPixels) savePng({ pixels: shownPixels, width, height }, fileName(scale), scale);
}

function fileName(scale) {
  const parts = [model.name, state.seed, ...(state.at > 0 ? [state.to, `${Math.round(100 * state.at)}pct`] : [])];
  return `${parts.join("-")}${scale === 1 ? "" : `-${scale}x`}.png`;
}

addCodes();
addDirections();
addClasses();
onSeed("seed", (seed) => ({ seed, at: 0 }));
onSeed("from", (seed) => ({ seed }));
onSeed("to", (to) => ({ to }));
onSlider(byId("truncation"), (truncation) => ({ truncation }));
onSlider(byId("at"), (percent) => ({ at: percent / 100 }));
byId("class").addEventListener("change", (event) =>
  choose({ label: event.target.value === "" ? null : Number(event.target.value) }),
);
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("another").addEventListener("click", () => choose({ seed: Math.floor(Math.random() * 1000000), at: 0 }));
byId("reset").addEventListener("click", () => {
  const { label, truncation, codes, amounts } = firstState(model);
  choose({ label, truncation, codes, amounts });
});
byId("save").addEventListener("click", () => save(1));
byId("save-large").addEventListener("click", () => save(4));
byId("copy-link").addEventListener("click", () => {
  const address = location.href.replace(/#.*$/, "") + writeHash(state, model);
  copy(address, "The link to this picture is copied.");
});
byId("copy-python").addEventListener("click", () => copy(byId("python").textContent, "The line of Python is copied."));
addEventListener("hashchange", readAddress);

watchWall();
showControls();
noteIgnored(firstRead.ignored);
paint();
