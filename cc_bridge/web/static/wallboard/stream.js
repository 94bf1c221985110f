// The board, as the events of /api/live/events tell it.
//
// A `board` event has the whole board, and a `change` event what has changed since the event before it. A change
// whose number does not follow means that an event was missed: then the page connects again, and gets a whole board.
// A connection can fail without an error, so a missing beat counts as a lost connection.
"use strict";

const LATE_MS = 10000; // somewhat longer than three beats
const AGAIN_MS = 3000;

let board = null; // as of the last event
let number = null; // of the last event
let clock = null; // seconds by which the daemon's clock is ahead of this page's clock
let heardAt = performance.now(); // time of the last event
let triedAt = heardAt; // time of the last attempt to connect
let connected = false;
let refused = false; // the daemon answered with an error instead of events
let source = null;

const now = () => performance.now() / 1000 + clock;

function stale() {
  return !connected || performance.now() - heardAt > LATE_MS;
}

// The instant of the shown figures: they stand still when they are old.
const shownAt = () => (stale() ? heardAt / 1000 + clock : now());

function heard(at) {
  heardAt = performance.now();
  clock = at - heardAt / 1000;
  connected = true;
  refused = false;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// Apply a merge patch (RFC 7396). A member that the patch removes becomes null.
function merged(target, patch) {
  if (!isObject(patch)) return patch;
  const before = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) before.set(name, merged(before.get(name) ?? null, value));
  return Object.fromEntries(before);
}

// In a change, queues and agents are objects by name; the board has lists of them.
function changed({ queues = {}, agents = {}, ...rest }) {
  const patches = new Map(Object.entries(queues));
  const people = new Map((board.agents ?? []).map((agent) => [agent.name, agent]));
  for (const [name, patch] of Object.entries(agents ?? {})) {
    if (patch === null) people.delete(name);
    else people.set(name, merged(people.get(name), patch));
  }
  const named = agents !== null && (board.agents !== null || Object.keys(agents).length > 0);
  return {
    ...merged(board, rest),
    queues: board.queues.map((queue) => merged(queue, patches.get(queue.queue) ?? {})),
    agents: named ? [...people.values()] : null,
  };
}

// `draw` is called after each event, `build` before it if the board is whole.
function connect() {
  source?.close();
  triedAt = performance.now();
  source = new EventSource("api/live/events");
  source.addEventListener("board", (event) => {
    board = JSON.parse(event.data);
    number = Number(event.lastEventId);
    heard(board.at);
    build();
    draw();
  });
  source.addEventListener("change", (event) => {
    if (board === null || Number(event.lastEventId) !== number + 1) {
      connect();
      return;
    }
    number += 1;
    board = changed(JSON.parse(event.data));
    heard(board.at);
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
