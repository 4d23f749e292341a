/* The wall: small pictures of the seeds 0, 1, 2, ... It grows while it is scrolled. */

const WALL_BATCH = 24;
const WALL_SCREEN = 120;

/**
 * Fills the wall.
 *
 * @param {object} painter from createPainter.
 * @param {{width: number, height: number}} size of a picture.
 * @param {function(): object} choices the label, truncation, codes and amounts that the wall shows.
 * @param {function(number, number|null): string} describe the name of a seed's picture, for a seed and its class.
 * @param {function(number)} onChoice called with the seed of a chosen picture.
 * @returns {{refresh: function(), mark: function(number)}}
 */
function createWall(painter, { size, choices, describe, onChoice }) {
  const wall = document.getElementById("wall");
  const more = document.getElementById("more");
  const tiles = [];
  let version = 0;
  let limit = WALL_SCREEN;
  let entry = 0;
  let chosen = null;

  const inView = new Set();
  const views = new IntersectionObserver(
    (changes) => {
      for (const change of changes) {
        if (change.isIntersecting) inView.add(change.target);
        else inView.delete(change.target);
        if (change.isIntersecting) order(change.target);
        else painter.forget(change.target);
      }
    },
    { rootMargin: "200px" },
  );

  function order(tile) {
    if (tile.painted === version) return;
    const ordered = version;
    painter.paintSmall(
      tile,
      () => ({ seed: tile.seed, to: 0, at: 0, ...choices() }),
      ({ pixels, label }) => {
        tile.firstChild.getContext("2d").putImageData(new ImageData(pixels, size.width, size.height), 0, 0);
        tile.setAttribute("aria-label", describe(tile.seed, label));
        tile.title = describe(tile.seed, label);
        tile.classList.add("painted");
        tile.painted = ordered;
        if (ordered !== version && inView.has(tile)) order(tile);
      },
    );
  }

  function addTile(seed) {
    const tile = document.createElement("button");
    const canvas = document.createElement("canvas");
    canvas.width = size.width;
    canvas.height = size.height;
    tile.type = "button";
    tile.seed = seed;
    tile.painted = -1;
    tile.tabIndex = seed === entry ? 0 : -1;
    tile.setAttribute("aria-label", `Seed ${seed}`);
    markTile(tile);
    tile.append(canvas);
    wall.append(tile);
    tiles.push(tile);
    views.observe(tile);
  }

  function markTile(tile) {
    if (tile.seed === chosen) tile.setAttribute("aria-current", "true");
    else tile.removeAttribute("aria-current");
  }

  const end = document.getElementById("wall-end");
  const ends = new IntersectionObserver((changes) => changes.some((change) => change.isIntersecting) && grow(), {
    rootMargin: "400px",
  });

  function grow() {
    if (tiles.length >= limit) {
      more.hidden = false;
      return;
    }
    for (let count = 0; count < WALL_BATCH; count += 1) addTile(tiles.length);
    ends.unobserve(end); // observed again, it reports whether the end is still in view
    ends.observe(end);
  }

  /** Makes one tile the place where the keyboard enters the wall. */
  function enterAt(index) {
    tiles[entry].tabIndex = -1;
    entry = index;
    tiles[entry].tabIndex = 0;
  }

  function moveTo(index) {
    while (index >= tiles.length && tiles.length < limit) grow();
    if (index < 0 || index >= tiles.length) return;
    enterAt(index);
    tiles[index].focus();
  }

  function columns() {
    const top = tiles[0].offsetTop;
    const count = tiles.findIndex((tile) => tile.offsetTop !== top);
    return count < 0 ? tiles.length : count;
  }

  wall.addEventListener("click", (event) => {
    const tile = event.target.closest("button");
    if (!tile) return;
    enterAt(tile.seed);
    onChoice(tile.seed);
  });
  wall.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.closest("button")) return;
    const index = event.target.closest("button").seed;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() };
    const target =
      event.key === "Home" ? 0 : event.key === "End" ? tiles.length - 1 : index + (steps[event.key] || NaN);
    if (Number.isNaN(target)) return;
    event.preventDefault();
    moveTo(target);
  });
  more.addEventListener("click", () => {
    const first = tiles.length;
    limit += WALL_SCREEN;
    more.hidden = true;
    grow();
    moveTo(first);
  });
  ends.observe(end);

  return {
    /** Makes the pictures in view again, because the choices have changed. */
    refresh() {
      version += 1;
      for (const tile of tiles) if (inView.has(tile)) order(tile);
    },
    /** Marks the picture that is shown large. */
    mark(seed) {
      chosen = seed;
      tiles.forEach(markTile);
    },
  };
}
