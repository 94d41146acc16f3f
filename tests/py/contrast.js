// Texts that are shown with too little contrast against what is behind them.
const numbers = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (element) => {
  for (let place = element; place; place = place.parentElement) {
    const [r, g, b, a = 1] = numbers(getComputedStyle(place).backgroundColor);
    if (a === 1) return [r, g, b];
  }
  return [255, 255, 255];
};
const faint = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.nodeValue.trim() || !element.checkVisibility() || element.closest(".hidden, .skip, noscript, script, .plot")) continue;
  const style = getComputedStyle(element);
  const [one, two] = [light(numbers(style.color)), light(behind(element))].sort((a, b) => b - a);
  const ratio = (one + 0.05) / (two + 0.05);
  const pixels = parseFloat(style.fontSize);
  const isLarge = pixels >= 24 || (pixels >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (isLarge ? 3 : 4.5)) faint.push([walker.currentNode.nodeValue.trim().slice(0, 40), element.className, ratio.toFixed(2)]);
}
return faint;
