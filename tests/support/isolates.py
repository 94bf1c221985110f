"""Digits and per cent signs that are not isolated in a right-to-left page.

In right-to-left text, a number can exchange its sides with a sign or with another number. It cannot if it is
in a <bdi>, in an element of left-to-right direction, or between Unicode isolates.
"""

__all__ = ["NOT_ISOLATED"]

# A JavaScript expression: the texts of the page with a digit or per cent sign that can change its side.
NOT_ISOLATED = r"""
(() => {
  const wrong = [];
  const inner = /[\u2066-\u2068][^\u2066-\u2069]*\u2069/g;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (getComputedStyle(element).direction !== "rtl") continue;
    if (element.closest("bdi, script, style, noscript")) continue;
    let text = texts.currentNode.data;
    while (inner.test(text)) text = text.replace(inner, "");
    if (/[0-9\u06f0-\u06f9%\u066a]/.test(text)) wrong.push(texts.currentNode.data);
  }
  return wrong;
})()
"""
