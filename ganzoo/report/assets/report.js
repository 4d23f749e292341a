const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const memory = `ganzoo report ${data.key}`;

/* What a reload keeps: the scroll position, the chosen step, and whether the config is open. */
const saved = () => {
  try {
    return JSON.parse(sessionStorage.getItem(memory)) || {};
  } catch {
    return {};
  }
};
const before = saved();
const details = [...document.querySelectorAll("details")];
let chosen = before.step ?? null; // null follows the newest picture

const keep = () => {
  const open = details.map((one) => one.open);
  try {
    sessionStorage.setItem(memory, JSON.stringify({ step: chosen, scroll: window.scrollY, open }));
  } catch {
    /* without storage a reload starts at the newest picture */
  }
};

/* The slider */
const slider = by("slider");
let playing = 0;
if (slider) {
  const image = by("sample");
  const pictures = data.pictures;
  pictures[pictures.length - 1][1] = image.src;
  const show = (place) => {
    const [step, address] = pictures[place];
    image.src = address;
    image.alt = `Generated samples at step ${step.toLocaleString("en")}`;
    by("shown").textContent = step.toLocaleString("en");
    slider.value = String(place);
    slider.setAttribute("aria-valuetext", `step ${step}`);
    chosen = place === pictures.length - 1 ? null : step;
  };
  const nearest = (step) => {
    const gaps = pictures.map(([other]) => Math.abs(other - step));
    return gaps.indexOf(Math.min(...gaps));
  };
  show(chosen === null ? pictures.length - 1 : nearest(chosen));
  const stop = () => {
    clearInterval(playing);
    playing = 0;
    by("play").textContent = "Play";
  };
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  by("play").addEventListener("click", () => {
    if (playing) {
      stop();
      return;
    }
    let place = Number(slider.value) === pictures.length - 1 ? 0 : Number(slider.value);
    show(place);
    by("play").textContent = "Pause";
    playing = setInterval(() => {
      place += 1;
      show(place);
      if (place === pictures.length - 1) stop();
    }, 250);
  });
  by("controls").hidden = pictures.length < 2;
}

/* The values below the cursor */
for (const plot of document.querySelectorAll(".plot")) {
  const chart = data.charts[Number(plot.dataset.chart)];
  const outputs = [...plot.closest(".chart").querySelectorAll("output")];
  const newest = outputs.map((one) => one.textContent);
  const cursor = plot.querySelector(".cursor");
  const leave = () => {
    outputs.forEach((one, index) => (one.textContent = newest[index]));
    cursor.setAttribute("visibility", "hidden");
  };
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const step = ((event.clientX - box.left) / box.width) * chart.reach;
    let nearest = null;
    for (const [steps] of chart.curves) {
      for (const other of steps) {
        if (nearest === null || Math.abs(other - step) < Math.abs(nearest - step)) nearest = other;
      }
    }
    chart.curves.forEach(([steps, values], index) => {
      let place = 0;
      steps.forEach((other, row) => {
        if (Math.abs(other - nearest) < Math.abs(steps[place] - nearest)) place = row;
      });
      const at = `${values[place] || "not finite"} at ${steps[place].toLocaleString("en")}`;
      outputs[index].textContent = at;
    });
    const x = `${(100 * nearest) / chart.reach}%`;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
  });
  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("pointercancel", leave);
}

details.forEach((one, index) => (one.open = before.open?.[index] ?? one.open));
history.scrollRestoration = "manual";
if (before.scroll) window.scrollTo(0, before.scroll);

/* A running training replaces this file, so the page reloads. A killed training never says that it has ended. */
if (data.state === "training") {
  const age = () => Date.now() / 1000 - data.written;
  const wait = Math.min(120, Math.max(10, data.every / 2));
  const silent = () => age() > 600 + 5 * data.every;
  by("silent").hidden = !silent();
  let pressed = false;
  addEventListener("pointerdown", () => (pressed = true));
  addEventListener("pointerup", () => (pressed = false));
  addEventListener("pointercancel", () => (pressed = false));
  setInterval(() => {
    if (document.hidden || pressed || playing) return;
    keep();
    location.reload();
  }, 1000 * (silent() ? 300 : wait));
}
addEventListener("pagehide", keep);
