// Common functions of the agent page and the follow-ups page: numbers, times, elements and colours.
//
// Names, queues and comments come from other systems. So no function interprets a text as HTML.
"use strict";

const page = document.documentElement;
const language = page.lang;
const locale = language === "fa" ? "fa-IR" : "en-GB";
const NONE = "–";

const numbers = (options) => new Intl.NumberFormat(locale, options);
const whole = numbers({ maximumFractionDigits: 0 });
const one = numbers({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percents = numbers({ style: "percent", maximumFractionDigits: 0 });
const signed = numbers({ maximumFractionDigits: 0, signDisplay: "exceptZero" });
const two = numbers({ minimumIntegerDigits: 2, useGrouping: false });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", timeZone: "UTC" });
const dayAndTime = new Intl.DateTimeFormat(locale, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "UTC",
});

// In right-to-left text, a number without an isolate can exchange its sides with a sign or with another number.
const NUMBERS = /[\u2066-\u2068][^\u2069]*\u2069|[+\u2212-]?[\d\u06f0-\u06f9](?:[\d\u06f0-\u06f9.,:/\u066b\u066c-]*[\d\u06f0-\u06f9])?(?:\s?[%\u066a])?/g;
const isolate = (found) => (/^[\u2066-\u2068]/.test(found) ? found : `\u2066${found}\u2069`);
const readable = (text) => (page.dir === "rtl" ? text.replace(NUMBERS, isolate) : text);

const $ = (id) => document.getElementById(id);
const say = (text, values = {}) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// A duration has units, as in reports: "4.9 s", "1 min 05", "1 h 05".
const UNITS_OF_TIME = {
  en: { seconds: "{large} s", minutes: "{large} min", rest: "{large} min {small}", hours: "{large} h", more: "{large} h {small}" },
  fa: {
    seconds: "{large} ثانیه", minutes: "{large} دقیقه", rest: "{large} دقیقه و {small} ثانیه",
    hours: "{large} ساعت", more: "{large} ساعت و {small} دقیقه",
  },
}[language];
const small = language === "fa" ? whole : two;

function duration(seconds, wholeMinutes = false) {
  const tenths = Math.round(seconds * 10) / 10;
  if (tenths < 10 && tenths % 1) return say(UNITS_OF_TIME.seconds, { large: one.format(tenths) });
  const rounded = Math.round(seconds);
  if (rounded < 60) return say(UNITS_OF_TIME.seconds, { large: whole.format(rounded) });
  if (rounded < 3600 && !wholeMinutes) {
    const values = { large: whole.format(Math.floor(rounded / 60)), small: small.format(rounded % 60) };
    return say(UNITS_OF_TIME[rounded % 60 ? "rest" : "minutes"], values);
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return say(UNITS_OF_TIME.minutes, { large: whole.format(minutes) });
  const values = { large: whole.format(Math.floor(minutes / 60)), small: small.format(minutes % 60) };
  return say(UNITS_OF_TIME[minutes % 60 ? "more" : "hours"], values);
}

// The daemon sends local times of the contact centre. The browser's time zone must not change them.
const face = (text) => new Date(`${text.slice(0, 19)}Z`);
const when = (text) => (text ? dayAndTime.format(face(text)) : NONE);

function make(name, className = "", ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  const texts = children.map((child) => (typeof child === "string" && name !== "bdi" ? readable(child) : child));
  element.append(...texts);
  return element;
}

// A player of a recording, or a link to it if the recording is on another machine.
function listen(address, plays, word) {
  if (!plays) {
    const link = make("a", "", word);
    Object.assign(link, { href: address, target: "_blank", rel: "noreferrer" });
    return link;
  }
  const player = make("audio");
  Object.assign(player, { controls: true, preload: "none", src: address });
  player.setAttribute("aria-label", word);
  return player;
}

function write(element, text) {
  const shown = readable(text);
  if (element.textContent !== shown) element.textContent = shown;
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  page.dataset.theme = page.dataset.asked || (dark ? "dark" : "light");
}

theme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
