"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const NONE = { value: null, text: "–", best: false, close: false };

/** An HTML or SVG element with attributes and children; text is never read as markup. */
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "polyline", "g"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/* ---- The chosen table ---- */

/** The cells of a metric for the chosen frames: those of the report, or of one frame, drawn from the curves. */
function cells(metric, frames) {
  if (!frames.startsWith("t")) return metric.cells[frames];
  const t = Number(frames.slice(1)) - 1;
  const known = metric.mean.map((row) => row[t]).filter((value) => value !== null);
  const best = metric.up ? Math.max(...known) : Math.min(...known);
  return metric.mean.map((row, v) => {
    if (row[t] === null) return NONE;
    const shown = (value) => (value * metric.scale).toFixed(metric.digits);
    const half = metric.half[v][t];
    const text = shown(row[t]) + (half === null ? "" : ` ± ${shown(half)}`);
    return { value: row[t], text, best: row[t] === best, close: false };
  });
}

function chosenMetrics() {
  const all = data.protocols[at("protocol").value].metrics;
  return Object.entries(all).filter(([name]) => !at("metric").value || name === at("metric").value).map(([, metric]) => metric);
}

function emphasised(cell) {
  const tag = cell.best ? "b" : cell.close ? "u" : "span";
  const told = { ...(cell.value === null ? {} : { "data-value": cell.value }), ...(cell.details ? { title: cell.details } : {}) };
  return make("td", told, make(tag, {}, cell.text));
}

function show() {
  const protocol = data.protocols[at("protocol").value];
  const frames = at("frames").value;
  const metrics = chosenMetrics();
  const columns = metrics.map((metric) => cells(metric, frames));
  const head = ["variant", ...metrics.map((metric) => metric.title), "seeds"].map((title) => make("th", { scope: "col" }, title));
  const rows = data.variants.map((variant, v) => {
    const { seeds, marks } = protocol.labels[v];
    const label = make("th", { scope: "row" }, variant, ...(marks.length ? [make("sup", {}, marks.join(","))] : []));
    return make("tr", {}, label, ...columns.map((column) => emphasised(column[v])), make("td", {}, seeds));
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  const single = frames.startsWith("t") ? [["", "Single frames: differences are tested for the horizon and its slices only."]] : [];
  const notes = [...protocol.notes, ...single].map(([mark, text]) => make("li", {}, ...(mark ? [make("sup", {}, mark), " "] : []), text));
  at("chosen").replaceChildren(make("div", { class: "wide" }, table), make("ul", { class: "notes" }, ...notes));
  sortable(table);
  filter();
}

/** The table's rows and the curves whose variant holds the text; a click on the legend takes a curve away. */
function filter() {
  for (const row of at("chosen").querySelectorAll("tbody tr")) row.hidden = !matches(row.cells[0].firstChild.textContent);
  draw();
}

const matches = (variant) => variant.toLowerCase().includes(at("filter").value.trim().toLowerCase());
const away = new Set();
const visible = (v) => matches(data.variants[v]) && !away.has(v);

/* ---- Sorting ---- */

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = make("button", { type: "button", title: "sort" }, ...header.childNodes);
    header.replaceChildren(button);
    button.addEventListener("click", () => sort(table, header, column));
  });
}

/** What a cell says without the marks of its footnotes. */
function unmarked(cell) {
  const copy = cell.cloneNode(true);
  for (const mark of copy.querySelectorAll("sup")) mark.remove();
  return copy.textContent.trim();
}

function sort(table, header, column) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const key = (row) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? unmarked(cell);
    return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
  };
  const missing = (value) => value === "–" || value === "";
  const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b); // what is missing stays last
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return ascending ? order : -order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

/* ---- Curves ---- */

const WIDTH = 360, HEIGHT = 230, LEFT = 46, RIGHT = 8, TOP = 22, BOTTOM = 34;

/** Round numbers from low to high: nine at most, and three at least, since a step is under a third of the way. */
function ticks(low, high) {
  const rough = (high - low) / 8 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((multiple) => multiple * power >= rough) * power;
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) found.push(Number(tick.toPrecision(10)));
  return found;
}

/** A plot per chosen metric, scaled to the visible variants, and a legend of those with curves. Of all metrics, none that is another in another unit. */
function draw() {
  const shown = chosenMetrics().filter((metric) => metric.plotted || at("metric").value);
  at("plots").replaceChildren(...shown.map(plot).filter(Boolean));
  const drawn = (variant, v) => matches(variant) && shown.some((metric) => metric.mean[v].some((value) => value !== null));
  at("legend").replaceChildren(...data.variants.flatMap((variant, v) => (drawn(variant, v) ? [legendEntry(variant, v)] : [])));
}

function legendEntry(variant, v) {
  const sample = make("svg", { viewBox: "0 0 40 12" }, make("line", { x1: 0, x2: 40, y1: 6, y2: 6, ...stroke(v) }));
  const entry = make("button", { type: "button", "data-variant": v, "aria-pressed": visible(v) }, sample, " ", variant);
  entry.addEventListener("click", () => {
    if (!away.delete(v)) away.add(v);
    draw();
  });
  return entry;
}

function stroke(v) {
  return { stroke: data.looks[v].colour, "stroke-dasharray": data.looks[v].dash, "stroke-width": 2, fill: "none" };
}

function plot(metric) {
  const known = metric.mean.flatMap((row, v) => (visible(v) ? row.filter((y) => y !== null) : []));
  if (!known.length) return null;
  const margin = 0.1 * (Math.max(...known) - Math.min(...known)) || 1e-3;
  const low = Math.min(...known) - margin, high = Math.max(...known) + margin; // bands may leave the plot: few seeds make them wide
  const x = (t) => LEFT + ((WIDTH - LEFT - RIGHT) * (t + 0.5)) / data.horizon;
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * (Math.min(high, Math.max(low, value)) - low)) / (high - low);
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${metric.title} per predicted frame` });
  svg.append(make("text", { x: LEFT, y: 14 }, metric.title));
  for (const tick of ticks(low * metric.scale, high * metric.scale)) {
    const place = y(tick / metric.scale);
    svg.append(make("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: place, y2: place }));
    svg.append(make("text", { x: LEFT - 5, y: place + 4, "text-anchor": "end" }, String(tick)));
  }
  for (const tick of ticks(1, data.horizon).filter(Number.isInteger)) {
    svg.append(make("text", { x: x(tick - 1), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, String(tick)));
  }
  svg.append(make("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "predicted frame"));
  const scored = (v) => metric.mean[v].some((value) => value !== null);
  metric.mean.forEach((row, v) => visible(v) && scored(v) && svg.append(curve(metric, row, v, x, y)));
  hover(svg, metric, x);
  return svg;
}

function curve(metric, row, v, x, y) {
  const known = row.map((value, t) => [value, t]).filter(([value]) => value !== null);
  const line = known.map(([value, t]) => `${x(t).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const group = make("g");
  const banded = known.filter(([, t]) => metric.half[v][t] !== null);
  if (banded.length) {
    const edge = (sign) => banded.map(([value, t]) => `${x(t).toFixed(1)} ${y(value + sign * metric.half[v][t]).toFixed(1)}`);
    group.append(make("path", { d: `M${[...edge(1), ...edge(-1).reverse()].join("L")}Z`, fill: data.looks[v].colour, opacity: 0.15 }));
  }
  group.append(make("polyline", { points: line, ...stroke(v) }));
  return group;
}

/** Under the pointer: the frame, and every visible variant's value there, in the plot's title line and the legend. */
function hover(svg, metric, x) {
  const cursor = make("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, hidden: "" });
  const title = svg.querySelector("text");
  svg.append(cursor);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const inside = ((event.clientX - box.left) / box.width) * WIDTH - LEFT;
    const t = Math.min(data.horizon - 1, Math.max(0, Math.floor((inside / (WIDTH - LEFT - RIGHT)) * data.horizon)));
    cursor.removeAttribute("hidden");
    cursor.setAttribute("x1", x(t));
    cursor.setAttribute("x2", x(t));
    title.textContent = `${metric.title}, frame ${t + 1}`;
    const shown = cells(metric, `t${t + 1}`);
    for (const entry of at("legend").children) {
      entry.lastChild.textContent = `${data.variants[entry.dataset.variant]}: ${shown[entry.dataset.variant].text}`;
    }
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("hidden", "");
    title.textContent = metric.title;
    for (const entry of at("legend").children) entry.lastChild.textContent = data.variants[entry.dataset.variant];
  });
}

/* ---- Controls ---- */

function offerMetrics() {
  const kept = at("metric").value;
  const names = Object.entries(data.protocols[at("protocol").value].metrics);
  at("metric").replaceChildren(make("option", { value: "" }, "all"), ...names.map(([name, { title }]) => make("option", { value: name }, title)));
  if (names.some(([name]) => name === kept)) at("metric").value = kept;
}

function start() {
  at("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.className = dark ? "light" : "dark";
  });
  for (const table of document.querySelectorAll("section:not(#scores) table")) sortable(table);
  if (data.protocols) offerChoices(); // the page of a search has none
}

function offerChoices() {
  at("protocol").append(...Object.keys(data.protocols).map((name) => make("option", { value: name }, name)));
  const single = Array.from({ length: data.horizon }, (_, t) => make("option", { value: `t${t + 1}` }, `frame ${t + 1}`));
  const slices = data.spans.map((span) => make("option", { value: span }, `frames ${span}`));
  at("frames").append(make("option", { value: "" }, "whole horizon"), ...slices, ...single);
  offerMetrics();
  at("protocol").addEventListener("change", () => { offerMetrics(); show(); });
  for (const id of ["metric", "frames"]) at(id).addEventListener("change", show);
  at("filter").addEventListener("input", filter);
  at("choose").addEventListener("submit", (event) => event.preventDefault());
  at("choose").hidden = false;
  at("curves").hidden = false;
  show();
}

start();
