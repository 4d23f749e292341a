/* What leaves the page by the user's hand: a PNG, a link, a line of Python. */

/** Saves a picture as a PNG, `factor` times larger. */
function savePng({ pixels, width, height }, name, factor) {
  const canvas = document.createElement("canvas");
  canvas.width = width * factor;
  canvas.height = height * factor;
  const large = new ImageData(enlarge(pixels, width, height, factor), canvas.width, canvas.height);
  canvas.getContext("2d").putImageData(large, 0, 0);
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }, "image/png");
}

/** Copies a text. Resolves to whether it worked. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    const area = document.createElement("textarea"); // for browsers without a clipboard on pages from the disk
    const focused = document.activeElement;
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const worked = document.execCommand("copy");
    area.remove();
    if (focused) focused.focus();
    return worked;
  }
}
