// The wallboard: shows the events of /api/live/events, and a message if they are old.
//
// The daemon sends each figure with its level (good, warning, critical). Between two events, the browser counts the
// seconds itself, by the daemon's clock. A connection can fail without an error, so a missing event counts as a
// lost connection.
"use strict";

const LATE_MS = 10000; // somewhat longer than three beats
const AGAIN_MS = 3000;

const WORDS = {
  en: {
    board: "Wallboard", queue: "Queue", waiting: "Waiting", longest_wait: "Longest wait",
    service_level: "Service level", answered: "Answered", abandoned: "Abandoned",
    calls: "of {n} calls", free: "Free agents", rating: "Rating", n: "n {n}", within: "within {n} s",
    too_few: "too few", no_data: "no data", agents: "Agents", of: "of {n}",
    warning: "warning", critical: "critical",
    available: "free", ringing: "ringing", talking: "talking", wrap_up: "wrapping up", paused: "paused",
    unreachable: "unreachable",
    live: "live", connecting: "connecting", unseen: "no connection to the PBX",
    lost: "No connection to cc_bridge for {since}. The figures are old.",
    unobserved: "No connection to the PBX for {since}. Current figures are unknown.",
    incomplete: "today's figures are still loading", no_queues: "No queue is known yet.",
    refused: "Too many wallboards are open, or access was denied: {url}",
  },
  fa: {
    board: "تابلوی مرکز تماس", queue: "صف", waiting: "در انتظار", longest_wait: "طولانی‌ترین انتظار",
    service_level: "سطح خدمات", answered: "پاسخ داده‌شده", abandoned: "رهاشده",
    calls: "از {n} تماس", free: "کارشناس آزاد", rating: "رضایت", n: "{n} مورد", within: "تا {n} ثانیه",
    too_few: "پاسخ ناکافی", no_data: "بدون داده", agents: "کارشناسان", of: "از {n}",
    warning: "هشدار", critical: "بحرانی",
    available: "آزاد", ringing: "در حال زنگ", talking: "در گفتگو", wrap_up: "کار پس از تماس", paused: "وقفه",
    unreachable: "خارج از دسترس",
    live: "زنده", connecting: "در حال اتصال", unseen: "ارتباط با مرکز تلفن قطع است",
    lost: "ارتباط از {since} دقیقه پیش قطع است؛ اعداد به‌روز نیستند.",
    unobserved: "ارتباط با مرکز تلفن از {since} دقیقه پیش قطع است. معلوم نیست چند نفر در انتظارند.",
    incomplete: "ارقام امروز در حال بارگذاری است", no_queues: "هنوز صفی شناخته نشده است.",
    refused: "تعداد صفحه‌های باز بیش از حد است، یا دسترسی رد شد: {url}",
  },
};

const STATES = ["available", "ringing", "talking", "wrap_up", "paused", "unreachable"];
const page = document.documentElement;
const language = page.lang;
const words = WORDS[language];
const locale = language === "fa" ? "fa-IR" : "en-GB";
const NONE = "–";
const DIGIT = /[0-9\u06f0-\u06f9]/;

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const two = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2, useGrouping: false });
const percents = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const signed = new Intl.NumberFormat(locale, { maximumFractionDigits: 0, signDisplay: "exceptZero" });
const date = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "UTC" });

let board = null; // the last board
let clock = null; // seconds by which the daemon's clock is ahead of this page's clock
let heardAt = performance.now(); // time of the last event
let triedAt = heardAt; // time of the last attempt to connect
let connected = false;
let refused = false; // the daemon answered with an error instead of events
let source = null;

// In right-to-left text, a number without an isolate can exchange its sides with a sign or with another number.
const NUMBERS = /[\u2066-\u2068][^\u2069]*\u2069|[+\u2212-]?[\d\u06f0-\u06f9](?:[\d\u06f0-\u06f9.,:/\u066b\u066c]*[\d\u06f0-\u06f9])?(?:\s?[%\u066a])?/g;
const isolate = (found) => (/^[\u2066-\u2068]/.test(found) ? found : `\u2066${found}\u2069`);
const readable = (text) => (page.dir === "rtl" ? text.replace(NUMBERS, isolate) : text);

const $ = (id) => document.getElementById(id);
const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const percent = (value) => (value === null ? NONE : percents.format(value / 100));
// The Persian zero is only a dot, which nobody can read from afar.
const count = (value) => (value === null || (value === 0 && language === "fa") ? NONE : whole.format(value));
const now = () => performance.now() / 1000 + clock;

function duration(seconds) {
  if (seconds === null) return NONE;
  const all = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const tail = `${hours ? two.format(minutes) : whole.format(minutes)}:${two.format(rest)}`;
  return hours ? `${whole.format(hours)}:${tail}` : tail;
}

function make(name, className = "", ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  const texts = children.map((child) => (typeof child === "string" && name !== "bdi" ? readable(child) : child));
  element.append(...texts);
  return element;
}

// -- figures: the large text, the small text next to it, and the level

function rating(score, wide) {
  if (score === null) return [NONE, words.no_data];
  const n = say("n", { n: whole.format(score.n) });
  if (!score.enough) return [words.too_few, n];
  const format = { percent, mean: one.format, points: signed.format }[score.unit];
  const plain = score.name === "csat" && !wide; // the most frequent score needs no label
  return [format(score.value), plain ? n : `${score.label[language]} · ${n}`];
}

function longestLevel(seconds) {
  const { warning, critical } = board.thresholds.longest_wait;
  return seconds === null ? "none" : seconds >= critical ? "critical" : seconds >= warning ? "warning" : "good";
}

function waited(figures) {
  if (figures.longest_wait_since === null || stale()) return figures.longest_wait_seconds;
  return now() - figures.longest_wait_since;
}

function inTime(figures, wide) {
  if (!figures.service_level_n) return words.no_data;
  const n = say("n", { n: whole.format(figures.service_level_n) });
  const seconds = figures.service_level_seconds;
  return wide && seconds !== null ? `${say("within", { n: whole.format(seconds) })} · ${n}` : n;
}

const COLUMNS = {
  waiting: (f) => [count(f.waiting), ""],
  longest_wait: (f) => [f.waiting === 0 ? NONE : duration(waited(f)), ""],
  free: (f) => [
    f.agents === null ? NONE : count(f.agents.available),
    f.agents === null ? "" : say("of", { n: whole.format(STATES.reduce((sum, state) => sum + f.agents[state], 0)) }),
  ],
  service_level: (f, wide) => [percent(f.service_level_percent), inTime(f, wide)],
  answered: (f, wide) => [count(f.answered), say(wide ? "calls" : "of", { n: whole.format(f.offered) })],
  abandoned: (f) => [count(f.abandoned), f.abandoned_percent === null ? "" : percent(f.abandoned_percent)],
  rating: (f, wide) => rating(f.rating, wide),
};
const OF_NOW = ["waiting", "longest_wait", "free"];

function level(figures, column) {
  if (column === "longest_wait") return figures.waiting ? longestLevel(waited(figures)) : "none";
  if (column === "waiting" && !figures.waiting) return "none";
  return figures.levels[column] ?? "none";
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
  mark.setAttribute("aria-label", judged === "warning" || judged === "critical" ? words[judged] : "");
}

function write(element, text) {
  const shown = readable(text);
  if (element.textContent !== shown) element.textContent = shown;
}

function room(box) {
  const { paddingLeft, paddingRight } = getComputedStyle(box);
  return box.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
}

// Reduce the font size of a text that is wider than its place.
function fit() {
  const texts = [...document.querySelectorAll(".tile h2, .tile b, .tile small, thead th span, td .figure")];
  for (const text of texts) text.style.removeProperty("--fit");
  const shares = texts.map((text) => room(text.parentElement) / text.scrollWidth);
  texts.forEach((text, place) => shares[place] < 1 && text.style.setProperty("--fit", shares[place]));
}

function figure(column, ...title) {
  const mark = make("span", "mark");
  mark.setAttribute("role", "img");
  const box = make("div", "figure", ...title, mark, make("b"), make("small"));
  box.dataset.column = column;
  box.classList.toggle("of-now", OF_NOW.includes(column));
  return box;
}

// -- the page

function build() {
  document.title = `${words.board} · ${board.pbx}`;
  const [only] = board.queues.length === 1 ? board.queues : [];
  write($("title"), only ? `${only.title[language]} · ${board.pbx}` : board.pbx);
  if (!$("tiles").children.length) {
    for (const column of Object.keys(COLUMNS)) {
      const tile = figure(column, make("h2", "", words[column]));
      tile.classList.add("tile");
      $("tiles").append(tile);
      $("titles").append(make("th", "", make("span", "", words[column])));
    }
    $("titles").prepend(make("th", "", words.queue));
  }
  const names = board.queues.map((queue) => queue.title[language]);
  const rows = [...$("queues").children];
  if (JSON.stringify(rows.map((row) => row.dataset.queue)) !== JSON.stringify(names)) {
    $("queues").replaceChildren(
      ...names.map((name) => {
        const label = make("span", "", make("bdi", "", name));
        label.title = name;
        const cells = Object.keys(COLUMNS).map((column) => make("td", "", figure(column)));
        const row = make("tr", "", make("th", "", label), ...cells);
        row.dataset.queue = name;
        return row;
      }),
    );
    page.style.setProperty("--rows", Math.max(names.length, 1));
    page.classList.toggle("roomy", names.length <= 8);
    page.classList.toggle("single", names.length === 1);
  }
}

function drawAgents() {
  const { agents: named, total: { agents: of } } = board;
  $("agents").hidden = of === null;
  const chips = of === null ? [] : STATES.map((state) => {
    const chip = make("span", "chip", make("b", "", count(of[state])), make("span", "", words[state]));
    chip.dataset.state = state;
    return chip;
  });
  const people = (named ?? []).map((agent) => {
    const name = make("span", "name", make("bdi", "", agent.name));
    const seconds = stale() ? agent.seconds : now() - agent.since;
    const person = make("span", "person", name, make("span", "does", words[agent.state]), make("b", "", duration(seconds)));
    person.dataset.state = agent.state;
    return person;
  });
  const counts = make("div", "chips", make("h2", "", words.agents), ...chips);
  $("agents").replaceChildren(counts, ...(people.length ? [make("div", "people", ...people)] : []));
  page.style.setProperty("--people", Math.ceil(people.length / 5));
}

function stale() {
  return !connected || performance.now() - heardAt > LATE_MS;
}

function drawTrouble() {
  const cut = stale();
  const silent = duration((performance.now() - heardAt) / 1000);
  let alarm = "";
  if (refused) alarm = say("refused", { url: "api/live" });
  else if (cut && (board || performance.now() > AGAIN_MS)) alarm = say("lost", { since: silent });
  else if (board && !board.observed) alarm = say("unobserved", { since: duration(now() - board.unobserved_since) });
  else if (board && !board.queues.length) alarm = words.no_queues;
  $("alarm").hidden = !alarm;
  write($("alarm"), alarm);
  page.classList.toggle("stale", cut);
  page.classList.toggle("unobserved", !cut && board !== null && !board.observed);
  const state = cut || !board ? "cut" : board.observed ? "live" : "unseen";
  const waits = state === "live" && !board.today_complete;
  write($("state"), waits ? words.incomplete : words[state === "cut" ? "connecting" : state]);
  $("state").dataset.state = state;
}

function draw() {
  drawTrouble();
  if (board === null) return;
  for (const tile of $("tiles").children) fill(tile, board.total);
  [...$("queues").children].forEach((row, number) => {
    for (const box of row.querySelectorAll(".figure")) fill(box, board.queues[number]);
  });
  fit();
  drawAgents();
  const there = new Date((now() + board.utc_offset_seconds) * 1000);
  write($("date"), date.format(there));
  write($("time"), time.format(there));
}

// -- the connection

function heard(at) {
  heardAt = performance.now();
  clock = at - heardAt / 1000;
  connected = true;
  refused = false;
}

function connect() {
  source?.close();
  triedAt = performance.now();
  source = new EventSource("api/live/events");
  source.addEventListener("board", (event) => {
    board = JSON.parse(event.data);
    heard(board.at);
    build();
    draw();
  });
  source.addEventListener("beat", (event) => heard(JSON.parse(event.data).at));
  source.addEventListener("error", () => {
    connected = false;
    // CLOSED means an answer that is not an event stream. After other errors the browser reconnects automatically.
    refused = source.readyState === EventSource.CLOSED;
    if (refused) setTimeout(connect, AGAIN_MS);
    draw();
  });
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  page.dataset.theme = page.dataset.asked || (dark ? "dark" : "light");
}

theme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);

const address = new URL(location.href);
if (address.searchParams.has("token")) { // the cookie replaces the token
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

addEventListener("resize", draw);
document.fonts.addEventListener("loadingdone", draw);

connect();
setInterval(() => {
  if (performance.now() - Math.max(heardAt, triedAt) > LATE_MS) {
    connected = false;
    connect();
  }
  draw();
}, 1000);
