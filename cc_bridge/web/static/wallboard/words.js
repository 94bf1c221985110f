// The texts of the wallboard in its languages, and how it writes numbers and durations.
"use strict";

const WORDS = {
  en: {
    board: "Wallboard", queue: "Queue", waiting: "Waiting", longest_wait: "Longest wait",
    service_level: "Service level", answered: "Answered", abandoned: "Abandoned",
    calls: "of {n} calls", free: "Free agents", rating: "Rating", n: "n {n}", within: "within {n} s",
    in_all: "in all {n}", too_few: "too few", no_data: "no data", agents: "Agents", of: "of {n}", zero: "0",
    warning: "warning", critical: "critical",
    available: "free", ringing: "ringing", talking: "talking", wrap_up: "wrapping up", paused: "paused",
    unreachable: "unreachable",
    live: "live", connecting: "connecting", unseen: "no connection to the PBX",
    lost: "No connection to cc_bridge for {since}. The figures are old.",
    unobserved: "No connection to the PBX for {since}. Current figures are unknown.",
    incomplete: "today's figures are still loading", no_queues: "No queue is known yet.",
    refused: "Too many wallboards are open, or access was denied: {url}",
    quiet: "{n} more are quiet", not_quiet: "{n} more, {m} of them with waiting callers", more: "{n} more", people: "{n} more",
    page: "{from} to {to} of {n}", home: "All pages", pages: "Show all in turn", worst: "Show the worst first",
    pause: "Pause", go_on: "Continue", next: "Next",
    seconds: "{n} s", minutes: "{n} min", minutes_seconds: "{n} min {more}", hours: "{n} h", hours_minutes: "{n} h {more}",
  },
  fa: {
    board: "تابلوی مرکز تماس", queue: "صف", waiting: "در انتظار", longest_wait: "طولانی‌ترین انتظار",
    service_level: "سطح خدمات", answered: "پاسخ داده‌شده", abandoned: "رهاشده",
    calls: "از {n} تماس", free: "کارشناس آزاد", rating: "رضایت", n: "{n} مورد", within: "تا {n} ثانیه",
    in_all: "در مجموع {n}", too_few: "پاسخ ناکافی", no_data: "بدون داده", agents: "کارشناسان", of: "از {n}", zero: "صفر",
    warning: "هشدار", critical: "بحرانی",
    available: "آزاد", ringing: "در حال زنگ", talking: "در گفتگو", wrap_up: "کار پس از تماس", paused: "وقفه",
    unreachable: "خارج از دسترس",
    live: "زنده", connecting: "در حال اتصال", unseen: "ارتباط با مرکز تلفن قطع است",
    lost: "ارتباط از {since} پیش قطع است؛ اعداد به‌روز نیستند.",
    unobserved: "ارتباط با مرکز تلفن از {since} پیش قطع است. معلوم نیست چند نفر در انتظارند.",
    incomplete: "ارقام امروز در حال بارگذاری است", no_queues: "هنوز صفی شناخته نشده است.",
    refused: "تعداد صفحه‌های باز بیش از حد است، یا دسترسی رد شد: {url}",
    quiet: "{n} صف دیگر آرام است", not_quiet: "{n} صف دیگر، {m} صف با تماس در انتظار", more: "{n} صف دیگر", people: "{n} نفر دیگر",
    page: "{from} تا {to} از {n}", home: "همهٔ صفحه‌ها", pages: "نمایش نوبتی همه", worst: "نمایش صف‌های بحرانی‌تر",
    pause: "توقف", go_on: "ادامه", next: "بعدی",
    seconds: "{n} ثانیه", minutes: "{n} دقیقه", minutes_seconds: "{n}:{more} دقیقه", hours: "{n} ساعت", hours_minutes: "{n}:{more} ساعت",
  },
};

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

// In right-to-left text, a number without an isolate can exchange its sides with a sign or with another number.
const NUMBERS = /[\u2066-\u2068][^\u2069]*\u2069|[+\u2212-]?[\d\u06f0-\u06f9](?:[\d\u06f0-\u06f9.,:/\u066b\u066c]*[\d\u06f0-\u06f9])?(?:\s?[%\u066a])?/g;
const isolate = (found) => (/^[\u2066-\u2068]/.test(found) ? found : `\u2066${found}\u2069`);
const readable = (text) => (page.dir === "rtl" ? text.replace(NUMBERS, isolate) : text);

const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const percent = (value) => (value === null ? NONE : percents.format(value / 100));
// The Persian zero is only a dot, which nobody can read from afar.
const count = (value) => (value === null || (value === 0 && language === "fa") ? NONE : whole.format(value));
const points = (value) => (Math.round(value) === 0 ? words.zero : signed.format(value));

// A duration has units, as in reports: "5 s", "1 min 05", "1 h 05".
function duration(seconds) {
  if (seconds === null) return NONE;
  const all = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours) return say(minutes ? "hours_minutes" : "hours", { n: whole.format(hours), more: two.format(minutes) });
  if (minutes) return say(rest ? "minutes_seconds" : "minutes", { n: whole.format(minutes), more: two.format(rest) });
  return say("seconds", { n: whole.format(rest) });
}
