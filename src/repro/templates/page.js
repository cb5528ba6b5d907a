"use strict";
// Without this script the page reads the same; with it numbers tell their place, pictures grow, test images are browsed.

const $ = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

// Light and dark: as the system says, until the reader says otherwise.
const theme = $("#theme");
const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark" ||
  (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
nameTheme();

// Contents: open beside the text, closed above it.
if (matchMedia("(max-width: 60rem)").matches) $("nav details").open = false;
const links = new Map(all("nav a").map(link => [link.hash.slice(1), link]));
const watch = new IntersectionObserver(entries => entries.forEach(({ isIntersecting, target }) => {
  if (!isIntersecting) return;
  all("nav a[aria-current]").forEach(link => link.removeAttribute("aria-current"));
  links.get(target.id)?.setAttribute("aria-current", "true");
}), { rootMargin: "-10% 0px -75% 0px" });
all("main section[id]").forEach(section => watch.observe(section));

// Numbers. They are many, so the Tab key visits them only when asked to.
const tip = $("#tip");
const showTip = number => {
  if (number.title) { number.dataset.tip = number.title; number.removeAttribute("title"); }
  tip.textContent = number.dataset.tip;
  tip.hidden = false;
  number.setAttribute("aria-describedby", "tip");
  const place = number.getBoundingClientRect();
  const left = Math.min(place.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
  const above = place.top - tip.offsetHeight - 6;
  tip.style.left = `${Math.max(left, 8) + scrollX}px`;
  tip.style.top = `${(above < 60 ? place.bottom + 6 : above) + scrollY}px`;
};
const hideTip = () => { tip.hidden = true; };
for (const [show, hide] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  document.addEventListener(show, event => { const number = event.target.closest?.(".n"); if (number) showTip(number); });
  document.addEventListener(hide, event => { if (event.target.closest?.(".n")) hideTip(); });
}
// A click on a number shows its place in a sheet, so that the page also works without the files beside it.
const sheet = $("#sheet");
document.addEventListener("click", event => {
  const number = event.target.closest?.(".n");
  if (!number) return;
  event.preventDefault();
  hideTip();
  $("#sheet-title").textContent = number.textContent;
  $("#sheet-body").textContent = number.dataset.tip ?? number.title;
  const link = $("#sheet a");
  link.hidden = !number.hasAttribute("href");
  if (!link.hidden) { link.href = number.href; link.textContent = `Open ${number.getAttribute("href")}`; }
  sheet.showModal();
});
sheet.addEventListener("click", event => { if (event.target === sheet || event.target.dataset.do === "close") sheet.close(); });
const reach = () => all(".n").forEach(number => { number.tabIndex = $("#trace").checked ? 0 : -1; });
$("#trace").addEventListener("change", reach);
reach();

// The viewer: one picture, or one test image with the map of every model.
const viewer = $("#viewer"), body = $("#viewer-body");
let zoom = 1, shownAt = -1, draw = () => {};
const enlarge = factor => { zoom = Math.min(6, Math.max(0.5, zoom * factor)); draw(); };
const openPicture = image => {
  $("#viewer-title").textContent = $("figcaption", image.closest("figure")).textContent.trim().match(/^\S+\s\d+/)?.[0] ?? "Picture";
  zoom = 1; shownAt = -1;
  const large = make("img", { src: image.src, alt: image.alt });
  draw = () => { large.style.width = `${100 * zoom}%`; };
  body.replaceChildren(large);
  open();
};
const open = () => {
  all("[data-do=previous], [data-do=next]", viewer).forEach(button => { button.hidden = shownAt < 0; });
  draw();
  if (!viewer.open) viewer.showModal();
  body.focus();
};
const actions = {
  close: () => viewer.close(), larger: () => enlarge(1.5), smaller: () => enlarge(1 / 1.5),
  next: () => step(1), previous: () => step(-1),
};
viewer.addEventListener("click", event => {
  actions[event.target.dataset.do]?.();
  if (event.target === viewer) viewer.close();
});
viewer.addEventListener("keydown", event => {
  const move = { ArrowLeft: [10, 0], ArrowRight: [-10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] }[event.key];
  if (move && shownAt >= 0 && zoom > 1 && event.target.type !== "range") { event.preventDefault(); movePart(...move); }
  const action = { "+": "larger", "=": "larger", "-": "smaller", n: "next", p: "previous" }[event.key];
  if (action) { event.preventDefault(); actions[action](); }
});
for (const image of all("figure.picture img")) {
  const button = make("button", { type: "button", class: "zoom", "aria-label": `Enlarge: ${image.alt}` });
  image.replaceWith(button);
  button.append(image);
  image.removeAttribute("loading");
  button.addEventListener("click", () => openPicture(image));
}

// Wide tables: an edge shows that there is more to the right.
for (const region of all(".scroll")) {
  const mark = () => region.classList.toggle("more", region.scrollLeft + region.clientWidth < region.scrollWidth - 2);
  region.addEventListener("scroll", mark);
  new ResizeObserver(mark).observe(region);
}

// Tables of verdicts can be filtered.
for (const table of all("figure.table table")) {
  if ($("th", table)?.textContent.trim() !== "Verdict") continue;
  const rows = all("tbody tr", table), word = row => $("strong", row)?.textContent ?? "";
  const words = [...new Set(rows.map(word))];
  const count = make("span", { role: "status" });
  const select = make("select", {}, make("option", { value: "" }, "all"), ...words.map(one => make("option", { value: one }, one)));
  const apply = () => {
    rows.forEach(row => { row.hidden = select.value !== "" && word(row) !== select.value; });
    count.textContent = ` ${rows.filter(row => !row.hidden).length} of ${rows.length} claims`;
  };
  select.addEventListener("change", apply);
  table.closest(".scroll").before(make("p", { class: "filter" }, make("label", {}, "Verdict ", select), count));
  apply();
}

// The browser for test images.
const { models, sheets, images } = JSON.parse($("#images").textContent);
const entries = images.flatMap(image => image.seen.flatMap((seen, model) => seen ? [{ ...image, ...seen, model }] : []));
let found = [];
const tile = (image, offset) => {
  const { rows, columns } = sheets[image.sheet];
  const element = make("div", { class: `tile sheet-${image.sheet}` });
  const at = (place, count) => `${count > 1 ? (100 * place) / (count - 1) : 0}%`;
  element.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
  element.style.backgroundPosition = `${at(image.column + offset, columns)} ${at(image.row, rows)}`;
  return element;
};
const short = number => Number(number.toPrecision(4)).toString().replace("-", "−");
const judged = one => `score ${short(one.score)}, threshold ${short(one.threshold)}: `;
// Enlarged, all tiles of an image show the same part of it: they move together, by dragging or the arrow keys.
const part = { x: 0, y: 0 };
const place = () => {
  const farthest = 50 * (1 - 1 / zoom);
  for (const axis of ["x", "y"]) part[axis] = Math.min(farthest, Math.max(-farthest, part[axis]));
  all(".port > *", body).forEach(shown => { shown.style.transform = `scale(${zoom}) translate(${part.x}%, ${part.y}%)`; });
};
const movePart = (x, y) => { part.x += x / zoom; part.y += y / zoom; place(); };
const openImage = index => {
  if (shownAt < 0) { zoom = 1; part.x = part.y = 0; }
  shownAt = index;
  const image = found[index];
  $("#viewer-title").textContent = `${image.image} (${index + 1} of ${found.length})`;
  const row = make("div", { class: "row" });
  draw = () => {
    zoom = Math.max(1, zoom);
    const side = "min(260px, 76vw)";
    row.replaceChildren(...["input, with the outline of the ground truth", ...models].map((name, offset) => {
      const shown = offset ? make("div", { class: "stack" }, tile(image, 0), tile(image, offset)) : tile(image, 0);
      const seen = image.seen[offset - 1];
      if (offset) shown.lastChild.classList.add("over");
      const port = make("div", { class: "port" }, shown);
      port.style.width = side;
      const words = make("figcaption", {}, make("b", {}, name), seen ? make("br") : "", seen ? judged(seen) + seen.verdict : seen === null ? ": missing" : "");
      words.style.maxWidth = side;
      return make("figure", {}, port, words);
    }));
  };
  const weight = make("input", { type: "range", min: "0", max: "100", value: "60", "aria-label": "Opacity of the maps" });
  const blend = () => all(".over", row).forEach(map => { map.style.opacity = weight.value / 100; });
  weight.addEventListener("input", blend);
  const redraw = draw;
  draw = () => { redraw(); blend(); place(); };
  // A drag over a tile moves by shares of its side.
  row.addEventListener("pointermove", event => {
    const port = event.target.closest(".port");
    if (!event.buttons || !port || zoom === 1) return;
    event.preventDefault();
    movePart(100 * event.movementX / port.clientWidth, 100 * event.movementY / port.clientHeight);
  });
  body.replaceChildren(make("label", { class: "filter" }, "Map over image ", weight), row);
  open();
  place();
};
const step = by => { if (shownAt >= 0) openImage((shownAt + by + found.length) % found.length); };

const choices = (name, label, options) =>
  make("label", {}, label, make("select", { name }, ...options.map(([value, text]) => make("option", { value }, text))));
const distinct = key => [...new Set(entries.map(one => one[key]))];
const filter = form => {
  const { category, defect, verdict, model, order } = Object.fromEntries(new FormData(form));
  const fits = (wanted, value) => wanted === "" || wanted === String(value);
  found = entries.filter(one => fits(category, one.category) && fits(defect, one.defect) &&
    fits(verdict, one.verdict) && fits(model, one.model));
  // Scores of models differ in scale, so across models they are compared as multiples of the threshold.
  const rank = one => (model === "" ? (one.score - one.threshold) / (Math.abs(one.threshold) || 1) : one.score);
  found.sort((one, other) => (order === "highest" ? rank(other) - rank(one) : rank(one) - rank(other)));
  $("#cards").replaceChildren(...found.map((one, index) => {
    const button = make("button", { type: "button", class: one.verdict.split(" ")[0] },
      make("div", { class: "pair" }, tile(one, 0), tile(one, one.model + 1)),
      one.image, make("br"), models[one.model], make("br"), judged(one), make("b", {}, one.verdict));
    button.addEventListener("click", () => { shownAt = -1; openImage(index); });
    return make("li", {}, button);
  }));
  $("#browser [role=status]").textContent = `${found.length} of ${entries.length} shown`;
};
if (entries.length) {
  const any = label => ["", label];
  const form = make("form", { "aria-label": "Filter test images" },
    choices("category", "Category", [any("all"), ...distinct("category").map(one => [one, one])]),
    choices("defect", "Defect type", [any("all"), ...distinct("defect").sort().map(one => [one, one])]),
    choices("verdict", "Verdict", [any("all"), ...["found", "missed", "false alarm", "passed"].map(one => [one, one])]),
    choices("model", "Model", [...models.map((name, index) => [String(index), name]), any("all")]),
    choices("order", "Sorted by", [["highest", "highest score first"], ["lowest", "lowest score first"]]));
  form.addEventListener("change", () => filter(form));
  form.addEventListener("submit", event => event.preventDefault());
  $("#browser").append(make("h3", {}, "Browse the test images"), form,
    make("p", { role: "status" }), make("ul", { id: "cards", tabindex: "0", "aria-label": "Test images" }));
  $("#browser").hidden = false;
  filter(form);
}

// A threshold to move over the scores of the test images: F1 follows, and with it what choosing it on them is worth.
const f1 = (scores, threshold) => {
  const called = scores.filter(one => one.score >= threshold), anomalous = scores.filter(one => one.bad).length;
  const hits = called.filter(one => one.bad).length;
  return { called: called.length, hits, anomalous, value: 2 * hits / Math.max(called.length + anomalous, 1) };
};
const best = scores => scores.map(one => one.score).reduce((found, score) =>
  (f1(scores, score).value > f1(scores, found).value ? score : found), scores[0].score);
if (entries.length) {
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const form = make("form", { "aria-label": "Scores to judge" },
    choices("category", "Category", distinct("category").map(one => [one, one])),
    choices("model", "Model", models.map((name, index) => [String(index), name])));
  const slider = make("input", { type: "range", min: "0", max: "1000", "aria-label": "Threshold" });
  const plot = svg("svg", { viewBox: "0 0 600 90", role: "img", "aria-label": "Scores of normal (above) and anomalous (below) test images, and the threshold" });
  const words = make("p", { role: "status" });
  let scores = [], low = 0, high = 1;
  const place = score => 10 + 580 * (score - low) / (high - low || 1);
  const show = threshold => {
    const now = f1(scores, threshold);
    const halves = [0, 1].map(side => scores.filter((_, index) => index % 2 === side));
    const other = halves.map((half, side) => f1(half, best(halves[1 - side])));
    const sum = key => other.reduce((total, one) => total + one[key], 0);
    const apart = 2 * sum("hits") / Math.max(sum("called") + sum("anomalous"), 1);
    plot.replaceChildren(...scores.map(one => svg("circle", { cx: place(one.score), cy: one.bad ? 62 : 26, r: 7, class: one.bad ? "bad" : "good" })),
      svg("line", { x1: place(threshold), x2: place(threshold), y1: 4, y2: 86 }));
    words.textContent = `Threshold ${short(threshold)}: ${now.hits} of ${now.anomalous} anomalous images found, ` +
      `${now.called - now.hits} false alarms, F1 ${now.value.toFixed(3)}. Best on these images: ${f1(scores, best(scores)).value.toFixed(3)}; ` +
      `each half at the best threshold of the other: ${apart.toFixed(3)}.`;
  };
  const choose = () => {
    const { category, model } = Object.fromEntries(new FormData(form));
    scores = entries.filter(one => one.category === category && String(one.model) === model)
      .map(one => ({ image: one.image, score: one.score, bad: one.defect !== "good" }))
      .sort((one, next) => (one.image < next.image ? -1 : 1));
    [low, high] = [Math.min(...scores.map(one => one.score)), Math.max(...scores.map(one => one.score))];
    // The slider has a thousand places and need not have the best one.
    slider.value = 1000 * (best(scores) - low) / (high - low || 1);
    show(best(scores));
  };
  form.addEventListener("change", choose);
  form.addEventListener("submit", event => event.preventDefault());
  slider.addEventListener("input", () => show(low + (high - low) * slider.value / 1000));
  $("#threshold").append(make("h3", {}, "Move the threshold"), form, plot, slider, words);
  $("#threshold").hidden = false;
  choose();
}
