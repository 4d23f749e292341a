/* Plays the morph: the position goes from one seed to the other and back until it is paused. */

const MORPH_SECONDS = 4;

/**
 * Wires the button that plays and pauses.
 *
 * If the system asks for less motion, the position moves once, in ten still pictures, one a second.
 *
 * @param {HTMLButtonElement} button
 * @param {function(): number} position the current position in percent.
 * @param {function(number): Promise} show shows the picture at a position in percent; resolves when it is painted.
 * @returns {{stop: function()}}
 */
function createMorph(button, position, show) {
  const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");
  let turn = 0;

  function stop() {
    turn += 1;
    button.textContent = "Play";
  }

  async function playSteps(mine) {
    const first = position() >= 100 ? 0 : Math.floor(position() / 10) * 10 + 10;
    for (let percent = first; percent <= 100; percent += 10) {
      await show(percent);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      if (turn !== mine) return;
    }
    stop();
  }

  async function playSmoothly(mine) {
    const begin = performance.now() - 10 * MORPH_SECONDS * position();
    while (turn === mine) {
      const phase = ((performance.now() - begin) / 1000 / MORPH_SECONDS) % 2;
      await show(Math.round(100 * (phase > 1 ? 2 - phase : phase)));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }

  button.addEventListener("click", () => {
    if (button.textContent === "Pause") {
      stop();
      return;
    }
    turn += 1;
    button.textContent = "Pause";
    if (lessMotion.matches) playSteps(turn);
    else playSmoothly(turn);
  });
  return { stop };
}
