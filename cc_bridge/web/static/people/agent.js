// The agent page: shows the figures of /api/agent. The key in the link, after the #, selects the agent.
//
// The key must only be sent in the Authorization header. It stays after the #, which browsers send to no server.
"use strict";

const WORDS = {
  en: {
    page: "My figures", of: "{name}", spans: { 1: "Today", 7: "7 days", 30: "30 days" },
    scores: "Scores", work: "Talks and times", funnel: "Survey invitations and results",
    reasons: "Reasons for no survey or an incomplete one", comments: "Spoken comments",
    n: "n {n}", asked: "of {n} callers", interval: "{low} to {high}", team: "Team {value}", too_few: "too few", no_data: "no data",
    too_few_n: "{n} answers; a score needs {minimum}",
    no_scores: "No ratings in these days.",
    compared: "The team average covers days that have ended. It is shown only if enough colleagues have enough answers, so that it reveals no single colleague's score.",
    no_comments: "No comments in these days.", more: "Only the newest comments are shown.",
    titles: ["When", "Queue", "Length", "Recording"], listen: "Listen", left: "recorded", deleted: "recording deleted",
    no_reasons: "All callers were invited and completed the survey.",
    ends: "This link expires on {day}.", missing: "Open this page with your personal link. Ask your team lead for it.",
    waiting: "Loading the figures.", lost: "No connection to cc_bridge.",
  },
  fa: {
    page: "کارنامهٔ من", of: "{name}", spans: { 1: "امروز", 7: "۷ روز", 30: "۳۰ روز" },
    scores: "نظر مشتریان", work: "گفتگوها و زمان‌ها", funnel: "دعوت به نظرسنجی و نتیجهٔ آن",
    reasons: "دلیل نپرسیدن یا پاسخ نگرفتن", comments: "نظرهای صوتی",
    n: "{n} پاسخ", asked: "از {n} نفر", interval: "{low} تا {high}", team: "میانگین گروه: {value}", too_few: "پاسخ ناکافی", no_data: "بدون داده",
    too_few_n: "{n} پاسخ؛ برای امتیاز {minimum} پاسخ لازم است",
    no_scores: "در این روزها کسی به شما امتیاز نداده است.",
    compared: "میانگین گروه مربوط به روزهای پایان‌یافته است و تنها زمانی نمایش داده می‌شود که همکاران کافی پاسخ کافی داشته باشند، تا امتیاز هیچ همکاری به‌تنهایی آشکار نشود.",
    no_comments: "در این روزها نظر صوتی ثبت نشده است.", more: "تنها تازه‌ترین نظرها نمایش داده می‌شود.",
    titles: ["زمان", "صف", "مدت", "ضبط"], listen: "شنیدن", left: "موجود", deleted: "فایل صوتی حذف شده",
    no_reasons: "همهٔ تماس‌گیرندگان دعوت شدند و نظرسنجی را تا پایان پاسخ دادند.",
    ends: "این پیوند تا {day} معتبر است.", missing: "این صفحه فقط با پیوند شخصی شما باز می‌شود؛ آن را از سرپرست خود بگیرید.",
    waiting: "ارقام در حال بارگذاری است.", lost: "ارتباط با cc_bridge قطع است.",
  },
};

const words = WORDS[language];
const AGAIN_MS = 2000; // time to a retry if the daemon is busy
const TRIES = 10;
const RENEW_MS = 300000;

let days = 7;
let told = null; // the last answer
let asking = 0; // the number of the last request; answers to earlier requests are ignored

const UNITS = {
  count: whole.format, time: (value) => duration(value, true), percent: (value) => percents.format(value / 100),
  points: signed.format, mean: one.format,
};

const shown = (figure, value) => UNITS[figure.unit](value);
const large = (figure) => (figure.value === null ? words[figure.n ? "too_few" : "no_data"] : shown(figure, figure.value));

function around(figure, counted = words.n) {
  if (!figure.n) return "";
  if (!figure.enough) return say(words.too_few_n, { n: whole.format(figure.n), minimum: whole.format(told.minimum) });
  const n = say(counted, { n: whole.format(figure.n) });
  if (figure.low === null) return n;
  const interval = { low: shown(figure, figure.low), high: shown(figure, figure.high) };
  return `${say(words.interval, interval)} · ${n}`;
}

// -- the page

function asked(score) {
  const names = told.questions.filter((each) => each.score === score.name).map((each) => each.title);
  return make("small", "asked", make("bdi", "", names.join(", ")));
}

function card(figure) {
  const number = make("b", figure.value === null ? "words" : "", large(figure));
  const box = make("div", "card", make("h3", "", figure.label), number, make("small", "", around(figure)));
  box.dataset.name = figure.name;
  if (figure.team !== null && figure.team !== undefined) {
    box.append(make("small", "team", say(words.team, { value: shown(figure, figure.team) })));
  }
  return box;
}

function bar(label, value, of, after = "") {
  const meter = make("div", "meter", make("i"));
  meter.firstChild.style.inlineSize = `${of ? (100 * value) / of : 0}%`;
  return make("div", "bar", make("span", "", label), meter, make("b", "", whole.format(value)), make("small", "", after));
}

function drawFunnel() {
  const steps = Object.fromEntries(told.funnel.map((each) => [each.name, each]));
  const most = steps.eligible.value;
  const of = (value) => (most ? percents.format(value / most) : "");
  const shownSteps = ["eligible", "invited", "complete", "partial"];
  const bars = shownSteps.map((name) => bar(steps[name].label, steps[name].value, most, of(steps[name].value)));
  const rate = steps.response_rate;
  const small = make("small", "", around(rate, words.asked));
  const lost = steps.not_routed;
  const rates = [make("p", "rate", `${rate.label} `, make("b", "", large(rate)), " ", small)];
  if (lost.value) rates.push(make("p", "quiet", `${lost.label}: ${whole.format(lost.value)}`));
  $("funnel").replaceChildren(...bars, ...rates);
  const reasons = told.reasons;
  const widest = Math.max(0, ...reasons.map((each) => each.callers));
  const parts = [];
  for (const each of reasons) {
    if (parts.at(-1)?.step !== each.step) parts.push({ step: each.step, title: each.step_label, reasons: [] });
    parts.at(-1).reasons.push(bar(each.label, each.callers, widest));
  }
  const boxes = parts.flatMap((part) => [make("h3", "", part.title), ...part.reasons]);
  $("reasons").replaceChildren(...(boxes.length ? boxes : [make("p", "quiet", words.no_reasons)]));
}

function drawComments() {
  const shown = JSON.stringify(told.comments);
  if ($("comments").dataset.shown === shown) return; // a player continues
  $("comments").dataset.shown = shown;
  const rows = told.comments.map((comment) => make(
    "tr", "",
    make("td", "", when(comment.at)),
    make("td", "", make("bdi", "", comment.queue || NONE)),
    make("td", "", comment.seconds ? duration(comment.seconds) : NONE),
    make("td", "quiet", comment.sound ? listen(comment.sound, told.plays, words.listen) : comment.kept ? words.left : words.deleted),
  ));
  $("comments").tBodies[0].replaceChildren(...rows);
  $("comments").hidden = !rows.length;
  $("nothing").hidden = rows.length > 0 && !told.more_comments;
  write($("nothing"), rows.length ? words.more : words.no_comments);
}

function draw() {
  document.title = `${words.page} · ${told.agent}`;
  $("title").replaceChildren(`${words.page} · `, make("bdi", "", told.agent));
  const scores = told.scores.map((score) => {
    const box = card(score);
    box.firstChild.after(asked(score));
    return box;
  });
  $("scores").replaceChildren(...(scores.length ? scores : [make("p", "quiet", words.no_scores)]));
  const teams = told.scores.some((score) => score.team !== null);
  write($("compared"), teams ? words.compared : "");
  $("work").replaceChildren(...told.work.map(card));
  drawFunnel();
  drawComments();
  write($("ends"), say(words.ends, { day: day.format(new Date(told.link_ends * 1000)) }));
  $("figures").hidden = false;
}

function alarm(text) {
  $("alarm").hidden = !text;
  write($("alarm"), text);
}

function choose() {
  const buttons = Object.entries(words.spans).map(([span, word]) => {
    const button = make("button", "", word);
    button.type = "button";
    button.dataset.days = span;
    button.setAttribute("aria-pressed", String(Number(span) === days));
    button.addEventListener("click", () => {
      days = Number(span);
      choose();
      ask();
    });
    return button;
  });
  $("spans").replaceChildren(...buttons);
}

// -- the request

async function ask(tries = TRIES) {
  asking += 1;
  const mine = asking;
  const key = location.hash.slice(1);
  if (!key) return refuse(words.missing);
  let answer;
  try {
    answer = await fetch(`api/agent?days=${days}&lang=${language}`, { headers: { Authorization: `Bearer ${key}` } });
    if (mine !== asking) return undefined;
    if (answer.ok) {
      const found = await answer.json();
      if (mine !== asking) return undefined;
      told = found;
      alarm("");
      return draw();
    }
    if (![429, 503].includes(answer.status)) return refuse((await answer.text()).trim());
  } catch {
    if (mine === asking) alarm(words.lost);
  }
  if (mine !== asking) return undefined;
  if (answer) alarm(words.waiting);
  if (tries) setTimeout(() => mine === asking && ask(tries - 1), AGAIN_MS);
  return undefined;
}

function refuse(text) {
  $("figures").hidden = true;
  document.title = words.page;
  write($("title"), words.page);
  alarm(text);
}

for (const each of document.querySelectorAll("[data-word]")) write(each, words[each.dataset.word]);
write($("title"), words.page);
$("titles").replaceChildren(...words.titles.map((title) => make("th", "", title)));
choose();
ask();
addEventListener("hashchange", () => ask());
setInterval(() => document.visibilityState === "visible" && ask(), RENEW_MS);
