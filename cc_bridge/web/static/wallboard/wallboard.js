// The wallboard: shows the board of stream.js, and a message if its figures are old.
"use strict";

let rows = []; // of the queues, in the board's order

function build() {
  document.title = `${words.board} · ${board.pbx}`;
  const [only] = board.queues.length === 1 ? board.queues : [];
  write($("title"), only ? `${only.title[language]} · ${board.pbx}` : board.pbx);
  if (!$("tiles").children.length) {
    for (const column of Object.keys(COLUMNS)) {
      const tile = figure(column, make("h2", "", words[column]));
      tile.classList.add("tile");
      $("tiles").append(tile);
    }
    const titles = [words.queue, ...Object.keys(COLUMNS).map((column) => words[column])];
    $("titles").append(...titles.map((title) => part("th", "columnheader", title)));
  }
  const names = board.queues.map((queue) => queue.title[language]);
  if (JSON.stringify(rows.map((row) => row.dataset.queue)) !== JSON.stringify(names)) {
    rows = names.map(newRow);
    order = [];
    $("queues").replaceChildren(...rows);
    page.classList.toggle("single", names.length === 1);
  }
}

// A style sheet that is not a table's takes the meaning of a table from its parts, so each part has its role.
function part(name, role, ...children) {
  const element = make(name, "", ...children);
  element.setAttribute("role", role);
  return element;
}

function newRow(name) {
  const label = make("span", "", make("bdi", "", name));
  label.title = name;
  const cells = Object.keys(COLUMNS).map((column) => part("td", "cell", figure(column, make("h3", "", words[column]))));
  const row = part("tr", "row", part("th", "rowheader", label), ...cells);
  row.dataset.queue = name;
  return row;
}

function drawAgents() {
  const { agents: named, total: { agents: of } } = board;
  $("agents").hidden = of === null;
  if (!$("agents").children.length) {
    $("agents").append(make("div", "chips"), make("div", "people"));
  }
  const [counts, people] = $("agents").children;
  people.hidden = !named?.length;
  const columns = people.hidden ? 1 : getComputedStyle(people).gridTemplateColumns.split(" ").length;
  const [shown, more] = shownPeople(named ?? [], columns);
  const chips = of === null ? [] : STATES.map((state) => {
    const chip = make("span", "chip", make("b", "", count(of[state])), make("span", "", words[state]));
    chip.dataset.state = state;
    return chip;
  });
  counts.replaceChildren(make("h2", "", words.agents), ...chips, ...(more ? [make("span", "more", more)] : []));
  people.replaceChildren(...shown.map((agent) => {
    const name = make("span", "name", make("bdi", "", agent.name));
    name.title = agent.name;
    const lasts = make("b", "", duration(secondsSince(agent.since)));
    const person = make("div", "person", name, make("span", "does", words[agent.state]), lasts);
    person.dataset.state = agent.state;
    return person;
  }));
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
  turnIfDue();
  for (const tile of $("tiles").children) fill(tile, board.total);
  rows.forEach((row, number) => {
    for (const box of row.querySelectorAll(".figure")) fill(box, board.queues[number]);
  });
  drawAgents();
  const there = new Date((now() + board.utc_offset_seconds) * 1000);
  write($("date"), date.format(there));
  write($("time"), time.format(there));
  unfit();
  place(rows);
  fit();
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

makeTools();
connect();
setInterval(() => {
  if (performance.now() - Math.max(heardAt, triedAt) > LATE_MS) {
    connected = false;
    connect();
  }
  draw();
}, 1000);
