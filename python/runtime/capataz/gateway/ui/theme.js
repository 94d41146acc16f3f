// Before the page is drawn: the colours that were chosen here last. "" = as the system has them.
(() => {
  let chosen = "";
  try {
    chosen = localStorage.getItem("capataz-theme") ?? "";
  } catch {
    // storage is closed: the system's colours
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
