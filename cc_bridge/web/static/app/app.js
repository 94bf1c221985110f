// Without a chosen theme, the page follows the device.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const apply = () => { root.dataset.theme = root.dataset.asked || (dark.matches ? "dark" : "light"); };
apply();
dark.addEventListener("change", apply);

// A changed choice of a filter shows its result at once; the button is for browsers without scripts.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
