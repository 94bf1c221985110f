// Which queues and agents the screen shows, if there are more than fit.
//
// `?more=worst` (the default) shows the worst queues first and says how the others are. `?more=pages` shows all in
// turn. Every few seconds the order is made anew, or the page is turned; in between, no row moves. A phone shows all
// and scrolls.
"use strict";

const TURN_MS = 10000;
const LEAST_ROW = 2.7; // height of a row; like all sizes here, in multiples of the root's font size
const MOST_ROW = 12;
const MORE_LINE = 2; // height of the line below the rows
const LEAST_TALL_ROW = 4.4; // with the queue's name above its figures
const PEOPLE_ROWS = { few: 4, many: 3 }; // with up to four queues, and with more
const URGENT = ["unreachable", "paused", "wrap_up", "talking", "ringing", "available"];

const mode = new URLSearchParams(location.search).get("more") === "pages" ? "pages" : "worst";
const phone = matchMedia("(max-width: 699.98px)");
const tall = matchMedia("(max-width: 1199.98px), (max-aspect-ratio: 5/4)");

const firsts = { queues: 0, people: 0 }; // of this page: the first one's place in the order
const sizes = { queues: 1, people: 1 }; // of this page
let turnedAt = performance.now();
let held = false; // the viewer has stopped the turning
let order = []; // places of the queues on the board, the first one at the top of the screen
let fitting = Infinity; // number of rows that fit on the screen

const unit = () => parseFloat(getComputedStyle(page).fontSize);

// Return the part of a list that this page shows, and which part this is in words.
function pageOf(kind, all, size) {
  if (firsts[kind] >= all.length) firsts[kind] = 0;
  const [first, end] = [firsts[kind], Math.min(firsts[kind] + size, all.length)];
  sizes[kind] = size;
  return [all.slice(first, end), say("page", { from: whole.format(first + 1), to: whole.format(end), n: whole.format(all.length) })];
}

// The lower, the worse: first by the callers who wait now, then by the figures of today.
function rank(queue) {
  const worst = (columns) => {
    const levels = columns.map((column) => level(queue, column));
    return levels.includes("critical") ? 0 : levels.includes("warning") ? 1 : 2;
  };
  const ofNow = queue.waiting ? worst(OF_NOW) : 3;
  return 3 * ofNow + worst(Object.keys(COLUMNS));
}

function sortQueues() {
  const places = board.queues.map((_, place) => place);
  const ranks = board.queues.map(rank);
  if (mode === "worst" && !phone.matches && places.length > fitting) places.sort((a, b) => ranks[a] - ranks[b]);
  order = places;
}

// Show the rows of this turn, without a measurement; return how many these are.
function showRows(rows) {
  const size = Math.max(1, fitting);
  const [paged, part] = mode === "pages" ? pageOf("queues", order, size) : [order.slice(0, size), ""];
  const shown = new Set(paged);
  rows.forEach((row, place) => { row.hidden = !shown.has(place); });
  const wanted = order.map((place) => rows[place]);
  if (wanted.some((row, place) => $("queues").children[place] !== row)) $("queues").replaceChildren(...wanted);
  const hidden = board.queues.filter((_, place) => !shown.has(place));
  $("more").hidden = !hidden.length;
  if (hidden.length) write($("more"), part || saidOf(hidden));
  return shown.size;
}

function saidOf(hidden) {
  const n = whole.format(hidden.length);
  if (!board.observed) return say("more", { n });
  const loud = hidden.filter((queue) => queue.waiting).length;
  return loud ? say("not_quiet", { n, m: whole.format(loud) }) : say("quiet", { n });
}

// Show as many rows as fit. Wide fonts can make rows higher, so the result is measured.
function place(rows) {
  const box = $("room");
  const before = fitting < order.length;
  const room = box.clientHeight - $("titles").offsetHeight;
  const least = (tall.matches ? LEAST_TALL_ROW : LEAST_ROW) * unit();
  const measured = !phone.matches && rows.length > 1;
  fitting = rows.length;
  if (measured && room < rows.length * least) fitting = Math.max(1, Math.floor((room - MORE_LINE * unit()) / least));
  if (order.length !== rows.length || before !== fitting < rows.length) sortQueues();
  let shown = showRows(rows);
  while (measured) {
    const high = box.clientHeight - $("titles").offsetHeight - $("more").offsetHeight;
    page.style.setProperty("--row", `${Math.min(MOST_ROW * unit(), high / shown)}px`);
    if (fitting <= 1 || box.scrollHeight <= box.clientHeight + 1) return;
    fitting = shown - 1;
    shown = showRows(rows);
  }
}

// The agents of this turn; all on a phone.
function shownPeople(people, columns) {
  const size = columns * (board.queues.length <= 4 ? PEOPLE_ROWS.few : PEOPLE_ROWS.many);
  if (phone.matches || people.length <= size) return [people, ""];
  if (mode === "pages") return pageOf("people", people, size);
  const urgent = [...people].sort((a, b) => URGENT.indexOf(a.state) - URGENT.indexOf(b.state) || a.since - b.since);
  return [urgent.slice(0, size), say("people", { n: whole.format(people.length - size) })];
}

// -- the viewer's tools, which a wall does not show

function goOn() {
  for (const kind of Object.keys(firsts)) firsts[kind] += sizes[kind];
  turnedAt = performance.now();
  order = [];
}

function turnIfDue() {
  if (!held && performance.now() - turnedAt >= TURN_MS) goOn();
}

function makeTools() {
  const link = (text, href) => {
    const element = make("a", "", text);
    element.href = href;
    return element;
  };
  const other = new URL(location.href);
  other.searchParams.set("more", mode === "pages" ? "worst" : "pages");
  other.searchParams.delete("token");
  const tools = [link(words.home, "./"), link(mode === "pages" ? words.worst : words.pages, other.search)];
  if (mode === "pages") {
    const pause = make("button", "", words.pause);
    pause.addEventListener("click", () => {
      held = !held;
      write(pause, held ? words.go_on : words.pause);
    });
    const next = make("button", "", words.next);
    next.addEventListener("click", () => { goOn(); draw(); });
    tools.push(pause, next);
  }
  $("tools").replaceChildren(...tools);
}
