// Counts as the server does: code points, a line break as one.
export const countOf = (text) => [...text.replaceAll("\r\n", "\n")].length;

export function enhanceCounter(counter) {
  const control = document.getElementById(counter.dataset.counts);
  if (!control) return;
  const limit = Number(counter.dataset.limit);

  // Heard only when typing pauses; seen at once.
  const spoken = document.createElement("p");
  spoken.className = "visually-hidden";
  spoken.setAttribute("role", "status");
  counter.after(spoken);
  let pause;

  const show = () => {
    const left = limit - countOf(control.value);
    const words = left >= 0 ? `${counter.dataset.left} ${left}` : `${counter.dataset.over} ${-left}`;
    counter.textContent = words;
    counter.classList.toggle("counter-over", left < 0);
    return left < limit / 10 ? words : "";
  };

  control.addEventListener("input", () => {
    const words = show();
    clearTimeout(pause);
    pause = setTimeout(() => { spoken.textContent = words; }, 1000);
  });
  show();
}
