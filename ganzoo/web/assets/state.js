/* What the page shows, and the part of its address that keeps it: #seed=7&label=micah&truncation=0.8&morph=13,0.4 */

const MAX_SEED = 4294967295;
const MAX_CODE = 10;
const FIRST = { seed: 2, to: 13 };

/** The state without any choice. */
function firstState(model) {
  const codes = Array.from({ length: model.codes }, () => null); // null: chosen by the seed
  return { ...FIRST, label: null, truncation: 1, at: 0, codes, amounts: model.directions.map(() => 0) };
}

/** A seed from a text, or null if it is none. */
function parseSeed(text) {
  const isWhole = /^[0-9]{1,10}$/.test(text.trim());
  const seed = isWhole ? Number(text) : NaN;
  return seed <= MAX_SEED ? seed : null;
}

/** A number from low to high from a text, or null if it is none. */
function parseNumber(text, low, high) {
  const value = /^-?[0-9]{0,9}(\.[0-9]{1,9})?$/.test(text) && text !== "" && text !== "-" ? Number(text) : NaN;
  return value >= low && value <= high ? value : null;
}

/** The class of a text, which is a name, or an index if no class has this name; null if there is none. */
function parseLabel(text, model) {
  const named = model.names.indexOf(text);
  if (named >= 0) return named;
  const digits = text.replace(/^index:/, "");
  return /^[0-9]{1,6}$/.test(digits) && Number(digits) < model.count ? Number(digits) : null;
}

/** The text of a class that parseLabel reads. */
function labelText(label, model) {
  return model.names[label] === undefined ? String(label) : model.names[label];
}

/** Reads one key of the address. Returns the changed part of the state, or null if the value is not valid. */
function readKey(key, text, model) {
  if (key === "seed") {
    const seed = parseSeed(text);
    return seed === null ? null : { seed };
  }
  if (key === "label") {
    const label = model.count ? parseLabel(text, model) : null;
    return label === null ? null : { label };
  }
  if (key === "truncation") {
    const truncation = parseNumber(text, 0, 1);
    return truncation === null ? null : { truncation };
  }
  if (key === "morph") {
    const [first, second, ...rest] = text.split(",");
    const to = parseSeed(first);
    const at = second === undefined ? 0 : parseNumber(second, 0, 1);
    if (to === null || at === null || rest.length) return null;
    return { to, at: Math.round(100 * at) / 100 }; // the steps of the slider, and of the line of Python
  }
  if (key === "codes" && model.codes) {
    const texts = text.split(",");
    const codes = texts.map((code) => parseNumber(code, -MAX_CODE, MAX_CODE));
    const areValid = codes.every((code, index) => code !== null || texts[index] === "");
    return codes.length === model.codes && areValid ? { codes } : null;
  }
  if (key === "directions" && model.directions.length) {
    const amounts = text.split(",").map((amount, index) => {
      const direction = model.directions[index];
      return direction ? parseNumber(amount, -direction.range, direction.range) : null;
    });
    return amounts.length !== model.directions.length || amounts.includes(null) ? null : { amounts };
  }
  return null;
}

/** The state of an address, and the parts of it that are not valid. */
function readHash(hash, model) {
  let state = firstState(model);
  const ignored = [];
  for (const pair of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const [key, ...rest] = pair.split("=");
    let change = null;
    try {
      change = readKey(key, decodeURIComponent(rest.join("=").replace(/\+/g, " ")), model);
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
    }
    if (change) state = { ...state, ...change };
    else ignored.push(pair);
  }
  return { state, ignored };
}

/** The address of a state, from "#" on. Choices that were not made are left out. */
function writeHash(state, model) {
  const parts = [`seed=${state.seed}`];
  if (state.label !== null) parts.push(`label=${encodeURIComponent(labelText(state.label, model))}`);
  if (state.truncation !== 1) parts.push(`truncation=${state.truncation}`);
  if (state.at > 0 || state.to !== FIRST.to) parts.push(`morph=${state.to}${state.at > 0 ? `,${state.at}` : ""}`);
  if (state.codes.some((code) => code !== null)) parts.push(`codes=${state.codes.join(",")}`);
  if (state.amounts.some((amount) => amount !== 0)) parts.push(`directions=${state.amounts.join(",")}`);
  return `#${parts.join("&")}`;
}

/** The line of Python that makes the same picture. */
function pythonLine(state, model) {
  const options = [];
  if (state.label !== null) {
    const name = model.names[state.label];
    options.push(`label=${name === undefined ? state.label : JSON.stringify(name)}`);
  }
  if (state.truncation !== 1) options.push(`truncation=${state.truncation}`);
  const moved = model.directions.flatMap(({ name }, index) =>
    state.amounts[index] === 0 ? [] : [`${JSON.stringify(name)}: ${state.amounts[index]}`],
  );
  if (moved.length) options.push(`directions={${moved.join(", ")}}`);
  const codes = state.codes.flatMap((code, index) => (code === null ? [] : [`${index}: ${code}`]));
  if (codes.length) options.push(`codes={${codes.join(", ")}}`);
  const tail = options.map((option) => `, ${option}`).join("");
  const load = `ganzoo.load(${JSON.stringify(model.load)})`;
  if (state.at === 0) return `${load}.generate(${state.seed}${tail})`;
  return `${load}.interpolate(${state.seed}, ${state.to}, frames=101${tail})[${Math.round(100 * state.at)}]`;
}
