// The figures of all queues and of each queue: the large text, the small text below it, and the level.
//
// The daemon sends each figure with its level (good, warning, critical). Between two events, the browser counts the
// seconds itself, by the daemon's clock.
"use strict";

const STATES = ["available", "ringing", "talking", "wrap_up", "paused", "unreachable"];
const OF_NOW = ["waiting", "longest_wait", "free"];

const COLUMNS = {
  waiting: (f) => [count(f.waiting), ""],
  longest_wait: (f) => (f.waiting === 0 ? [NONE, ""] : [duration(waited(f)), wholeWait(f)]),
  free: (f) => [
    f.agents === null ? NONE : count(f.agents.available),
    f.agents === null ? "" : say("of", { n: whole.format(STATES.reduce((sum, state) => sum + f.agents[state], 0)) }),
  ],
  service_level: (f, wide) => [percent(f.service_level_percent), inTime(f, wide)],
  answered: (f, wide) => [count(f.answered), say(wide ? "calls" : "of", { n: whole.format(f.offered) })],
  abandoned: (f) => [count(f.abandoned), f.abandoned_percent === null ? "" : percent(f.abandoned_percent)],
  rating: (f, wide) => rating(f.rating, wide),
};

function rating(score, wide) {
  if (score === null) return [NONE, words.no_data];
  const n = say("n", { n: whole.format(score.n) });
  if (!score.enough) return [words.too_few, n];
  const format = { percent, mean: one.format, points }[score.unit];
  const plain = score.name === "csat" && !wide; // the most frequent score needs no label
  return [format(score.value), plain ? n : `${score.label[language]} · ${n}`];
}

const secondsSince = (instant) => (instant === null ? null : shownAt() - instant);
const waited = (figures) => secondsSince(figures.longest_wait_since); // in this queue
const waitedInAll = (figures) => secondsSince(figures.longest_whole_wait_since); // over several queues

function wholeWait(figures) {
  const earlier = figures.longest_wait_since - figures.longest_whole_wait_since;
  return earlier >= 1 ? say("in_all", { n: duration(waitedInAll(figures)) }) : "";
}

function inTime(figures, wide) {
  if (!figures.service_level_n) return words.no_data;
  const n = say("n", { n: whole.format(figures.service_level_n) });
  const seconds = figures.service_level_seconds;
  return wide && seconds !== null ? `${say("within", { n: whole.format(seconds) })} · ${n}` : n;
}

function longestLevel(seconds) {
  const { warning, critical } = board.thresholds.longest_wait;
  return seconds === null ? "none" : seconds >= critical ? "critical" : seconds >= warning ? "warning" : "good";
}

function level(figures, column) {
  if (column === "longest_wait") return figures.waiting ? longestLevel(waitedInAll(figures)) : "none";
  if (column === "waiting" && !figures.waiting) return "none";
  return figures.levels[column] ?? "none";
}

const isBad = (judged) => judged === "warning" || judged === "critical";

// -- elements

const $ = (id) => document.getElementById(id);

function make(name, className = "", ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  const texts = children.map((child) => (typeof child === "string" && name !== "bdi" ? readable(child) : child));
  element.append(...texts);
  return element;
}

function write(element, text) {
  const shown = readable(text);
  if (element.textContent !== shown) element.textContent = shown;
}

function figure(column, ...title) {
  const mark = make("span", "mark");
  mark.setAttribute("role", "img");
  const box = make("div", "figure", ...title, make("p", "large", mark, make("b")), make("small"));
  box.dataset.column = column;
  box.classList.toggle("of-now", OF_NOW.includes(column));
  return box;
}

function fill(box, figures) {
  const { column } = box.dataset;
  const tile = box.classList.contains("tile");
  const [large, small] = COLUMNS[column](figures, tile);
  const judged = level(figures, column);
  const mark = box.querySelector(".mark");
  box.dataset.level = judged;
  box.classList.toggle("words", !DIGIT.test(large) && large !== NONE);
  write(box.querySelector("b"), large);
  write(box.querySelector("small"), small);
  mark.setAttribute("aria-label", isBad(judged) ? words[judged] : "");
}

const largeTexts = () => [...document.querySelectorAll(".figure .large")].filter((text) => text.clientWidth);

// Large texts have their full size again, as the heights of rows are measured with.
function unfit() {
  for (const text of largeTexts()) text.style.removeProperty("--fit");
}

// Reduce the font size of large texts that are wider than their place. The style sheet limits the reduction.
function fit() {
  const texts = largeTexts();
  const shares = texts.map((text) => {
    const content = document.createRange(); // scrollWidth leaves out what overflows at the start
    content.selectNodeContents(text);
    return text.clientWidth / content.getBoundingClientRect().width;
  });
  texts.forEach((text, place) => shares[place] < 1 && text.style.setProperty("--fit", shares[place] * 0.99));
}
