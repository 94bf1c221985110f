// The page of follow-ups: shows the list of /api/follow-ups, and sends actions on its entries.
//
// The list is updated while a person may be typing into an entry. So the element of an entry stays the same for
// the same follow-up, and only its content changes.
"use strict";

const WORDS = {
  en: {
    by: "Your name", owner: "Owner", state: "Show",
    states: { "open,taken": "not closed", open: "open", taken: "taken", "done,dismissed": "closed" },
    reasons: {
      low_rating: "Low rating", not_solved: "Not solved", comment: "Spoken comment",
      abandoned_twice: "Hung up twice", long_wait: "Long wait",
      lost_call: "Lost call",
    },
    details: {
      no: "no to {question}",
      waited: "waited {n}", again: "again after {n} h",
    },
    due: "Due {at}", overdue: "Overdue since {at}", since: "Since {at}", queue: "Queue", agent: "Agent",
    customer: "Customer", taken: "Taken by {name}, {at}", done: "Done by {name}, {at}", dismissed: "Dismissed by {name}, {at}",
    linked: "Next call with the customer: {at}.", of: "For {name}", nobody: "no number", history: "History", listen: "Listen",
    take: "Take", finish: "Done", dismiss: "Dismiss", send: "Save", back: "Back",
    outcome: "Result", why: "Reason for the dismissal",
    name_first: "Enter your name above first.", text_first: "Enter a text first.",
    late_taken: "{name} has taken this follow-up already.", late_closed: "{name} has closed this follow-up already.", gone: "This follow-up does not exist any more.",
    somebody: "Another person", one: "{n} to call back", none: "No customer is to be called back.", nothing: "No follow-ups.",
    shown: "{n} follow-ups", more: "Only the first {n} follow-ups are shown.",
    busy: "The daemon is busy. The page retries automatically.", lost: "No connection to cc_bridge.",
  },
  fa: {
    by: "نام شما", owner: "مسئول", state: "نمایش",
    states: { "open,taken": "بسته‌نشده", open: "در انتظار انجام", taken: "در دست پیگیری", "done,dismissed": "بسته‌شده" },
    reasons: {
      low_rating: "امتیاز پایین", not_solved: "مشکل حل نشده", comment: "نظر صوتی",
      abandoned_twice: "دو بار قطع پیش از پاسخ", long_wait: "انتظار طولانی",
      lost_call: "تماس ازدست‌رفته",
    },
    details: {
      no: "پاسخ «خیر» به {question}",
      waited: "انتظار {n}", again: "دوباره پس از {n} ساعت",
    },
    due: "مهلت: {at}", overdue: "مهلت گذشته: {at}", since: "ثبت: {at}", queue: "صف", agent: "کارشناس",
    customer: "مشتری", taken: "در دست پیگیری {name}، {at}", done: "{name} انجام داد، {at}", dismissed: "{name} صرف‌نظر کرد، {at}",
    linked: "گفتگوی بعدی با مشتری: {at}.", of: "برای {name}", nobody: "بدون شماره", history: "سابقه", listen: "شنیدن",
    take: "پیگیری می‌کنم", finish: "انجام شد", dismiss: "صرف‌نظر", send: "ثبت", back: "بازگشت",
    outcome: "نتیجهٔ تماس", why: "علت صرف‌نظر",
    name_first: "ابتدا نام خود را در بالای صفحه بنویسید.", text_first: "ابتدا توضیحی بنویسید.",
    late_taken: "پیش از شما، {name} آن را برداشت.", late_closed: "پیش از شما، {name} آن را بست.", gone: "این پیگیری دیگر وجود ندارد.",
    somebody: "شخص دیگری", one: "{n} تماس باقی مانده است.", none: "تماسی باقی نمانده است. خسته نباشید.", nothing: "پیگیری‌ای نیست.",
    shown: "{n} پیگیری", more: "تنها {n} پیگیری نخست نمایش داده می‌شود.",
    busy: "سامانه مشغول است؛ دوباره تلاش می‌شود.", lost: "ارتباط با cc_bridge قطع است.",
  },
};

const words = WORDS[language];
const RENEW_MS = 15000;
const OURS = { "X-CC-Bridge": "follow-ups" }; // no page of another site can send this header
const ISOLATE = "\u2068", END = "\u2069"; // isolates: a name keeps its own text direction

let asking = 0; // the number of the last request; answers to earlier requests are ignored

const isolated = (name) => `${ISOLATE}${name || words.somebody}${END}`;

function alarm(text) {
  $("alarm").hidden = !text;
  write($("alarm"), text);
}

function outside() { // the session has ended: log in, and come back to the same list
  asking += 1;
  $("list").replaceChildren();
  location.assign(`login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

// -- one follow-up

const DETAILS = [ // pattern of a detail text from the daemon -> text for people
  [/^spoke (\d+) s$/, (n) => duration(Number(n))],
  [/^waited (\d+) s$/, (n) => say(words.details.waited, { n: duration(Number(n)) })],
  [/^abandoned again after ([\d.]+) h$/, (n) => say(words.details.again, { n: one.format(n) })],
];

function detail({ detail: text, rating, question_title: title }) {
  if (rating) return rating.label[language];
  if (text.endsWith("=no")) {
    return say(words.details.no, { question: isolated(title[language] ?? text.slice(0, -"=no".length)) });
  }
  for (const [pattern, read] of DETAILS) {
    const found = pattern.exec(text);
    if (found) return read(...found.slice(1));
  }
  return text;
}

function fact(word, ...content) {
  return make("div", "fact", make("span", "quiet", words[word]), " ", ...content);
}

function link(address, text) {
  const element = make("a", "", make("bdi", "", text));
  element.href = address;
  return element;
}

// A masked or hashed number cannot be dialled.
function dialled(number) {
  if (!number || /[A-Za-z]/.test(number)) return make("bdi", "number", number || words.nobody);
  const element = make("a", "number");
  element.href = `tel:${number.replace(/[^0-9+*#]/g, "")}`;
  element.textContent = number;
  return element;
}

function told(each) {
  const reason = make("b", "", words.reasons[each.reason] ?? each.reason);
  const late = each.overdue ? "late" : "quiet";
  const closed = each.state === "done" || each.state === "dismissed";
  const due = closed ? "" : say(words[each.overdue ? "overdue" : "due"], { at: when(each.due_at) });
  const head = make("div", "head", reason, make("bdi", "quiet", detail(each)), make("span", `due ${late}`, due));
  const customer = [link(each.customer_page, each.name || words.history), " ", dialled(each.number)];
  const facts = make(
    "div", "facts",
    fact("customer", ...customer),
    fact("queue", make("bdi", "", each.queue_title[language] || NONE)),
    fact("agent", make("bdi", "", each.agent || NONE)),
    make("div", "fact", link(each.call_page, say(words.since, { at: when(each.opened_at) }))),
  );
  if (each.owner) facts.append(make("div", "fact quiet", say(words.of, { name: isolated(each.owner) })));
  const lines = [];
  if (each.taken_by) lines.push(say(words.taken, { name: isolated(each.taken_by), at: when(each.taken_at) }));
  if (closed) lines.push(say(words[each.state], { name: isolated(each.closed_by), at: when(each.closed_at) }));
  if (each.linked_at) lines.push(say(words.linked, { at: when(each.linked_at) }));
  const notes = lines.map((line) => make("p", "note", line));
  if (each.comment) notes.push(make("p", "note", listen(each.comment, each.plays, words.listen)));
  if (each.outcome) notes.push(make("p", "outcome", each.outcome));
  return make("div", "told", head, facts, ...notes);
}

function button(word, press, className = "") {
  const element = make("button", className, words[word]);
  element.type = "button";
  element.dataset.move = word;
  element.addEventListener("click", press);
  return element;
}

function form(entry, move) {
  const text = make("textarea");
  text.maxLength = 1000;
  text.rows = 2;
  text.setAttribute("aria-label", words[move === "done" ? "outcome" : "why"]);
  text.placeholder = words[move === "done" ? "outcome" : "why"];
  const send = button("send", () => {
    if (!text.value.trim()) {
      complain(entry, words.text_first);
      text.focus();
      return;
    }
    press(entry, move, text.value);
  }, "key");
  const back = button("back", () => entry.querySelector(".writing").remove());
  entry.querySelector(".writing")?.remove();
  entry.querySelector(".buttons").before(make("div", "writing", text, send, back));
  text.focus();
}

function complain(entry, text) {
  const line = entry.querySelector(".complaint");
  line.hidden = !text;
  write(line, text);
}

function entryOf(one) {
  const entry = make("li");
  entry.dataset.id = one.id;
  const complaint = make("p", "complaint");
  complaint.hidden = true;
  complaint.setAttribute("role", "alert");
  const buttons = make(
    "div", "buttons",
    button("take", () => press(entry, "take", ""), "key"),
    button("finish", () => form(entry, "done")),
    button("dismiss", () => form(entry, "dismiss")),
  );
  entry.append(make("div", "told"), complaint, buttons);
  fill(entry, one);
  return entry;
}

function fill(entry, one) {
  const text = JSON.stringify(one);
  if (entry.dataset.shown === text) return;
  entry.dataset.shown = text;
  entry.dataset.state = one.state;
  entry.querySelector(".told").replaceWith(told(one));
  const closed = one.state === "done" || one.state === "dismissed";
  entry.querySelector(".buttons").hidden = closed;
  entry.querySelector("[data-move=take]").hidden = one.state !== "open";
  if (closed) entry.querySelector(".writing")?.remove();
}

// -- requests to the daemon

async function send(method, path, said) {
  const headers = { ...OURS, "Content-Type": "application/json" };
  return fetch(`api/follow-ups/${path}`, { method, headers, body: said ? JSON.stringify(said) : undefined });
}

async function press(entry, move, text) {
  const by = $("by").value.trim();
  if (!by && !$("typed").hidden) {
    complain(entry, words.name_first);
    $("by").focus();
    return;
  }
  complain(entry, "");
  const pressed = entry.querySelectorAll("button");
  for (const each of pressed) each.disabled = true;
  try {
    const answer = await send("POST", `${encodeURIComponent(entry.dataset.id)}/${move}`, { by, text });
    if (answer.ok) {
      entry.querySelector(".writing")?.remove();
      fill(entry, await answer.json());
      ask();
    } else if (answer.status === 409) {
      const { follow_up: one } = await answer.json();
      fill(entry, one);
      const who = one.closed_by || one.taken_by;
      complain(entry, say(words[one.closed_by ? "late_closed" : "late_taken"], { name: isolated(who) }));
    } else if (answer.status === 401) outside();
    else if (answer.status === 404) complain(entry, words.gone);
    else complain(entry, answer.status === 400 || answer.status === 403 ? (await answer.text()).trim() : words.busy);
  } catch {
    complain(entry, words.lost);
  } finally {
    for (const each of pressed) each.disabled = false;
  }
}

function draw(found) {
  const before = [...$("list").children];
  const entries = new Map(before.map((entry) => [entry.dataset.id, entry]));
  const wanted = found.follow_ups.map((one) => {
    const entry = entries.get(one.id);
    entries.delete(one.id);
    if (!entry) return entryOf(one);
    fill(entry, one);
    return entry;
  });
  // Keep an entry in which a person is typing, or which shows an error, although it left the list.
  for (const entry of entries.values()) {
    if (entry.querySelector(".writing, .complaint:not([hidden])")) wanted.splice(before.indexOf(entry), 0, entry);
    else entry.remove();
  }
  // Moving an element removes its focus, so an element at the right place is not moved.
  wanted.forEach((entry, place) => {
    if ($("list").children[place] !== entry) $("list").insertBefore(entry, $("list").children[place] ?? null);
  });
  const n = whole.format(found.follow_ups.length);
  const todo = $("state").value === "open,taken";
  const empty = todo ? words.none : words.nothing;
  const counted = say(todo ? words.one : words.shown, { n });
  write($("count"), found.more ? say(words.more, { n }) : found.follow_ups.length ? counted : empty);
}

async function ask() {
  asking += 1;
  const mine = asking;
  const wish = new URLSearchParams({ state: $("state").value });
  if ($("owner").value.trim()) wish.set("owner", $("owner").value.trim());
  try {
    const answer = await fetch(`api/follow-ups?${wish}`);
    if (mine !== asking) return;
    if (answer.status === 401) {
      outside();
    } else if (answer.ok) {
      const found = await answer.json();
      if (mine !== asking) return;
      $("choice").hidden = false;
      $("typed").hidden = Boolean(found.user.name);
      alarm("");
      draw(found);
    } else alarm(answer.status === 403 ? (await answer.text()).trim() : words.busy);
  } catch {
    if (mine === asking) alarm(words.lost);
  }
}

for (const each of document.querySelectorAll("[data-word]")) write(each, words[each.dataset.word]);
$("state").replaceChildren(...Object.entries(words.states).map(([value, word]) => new Option(word, value)));
$("by").value = localStorage.getItem("cc_bridge_by") ?? "";
$("owner").value = new URLSearchParams(location.search).get("owner") ?? "";
$("by").addEventListener("change", () => localStorage.setItem("cc_bridge_by", $("by").value.trim()));
for (const id of ["owner", "state"]) $(id).addEventListener("change", ask);
$("choice").addEventListener("submit", (event) => event.preventDefault());
ask();
setInterval(() => document.visibilityState === "visible" && ask(), RENEW_MS);
