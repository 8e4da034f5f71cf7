// Copies the text of another element. Where the browser forbids it (no secure connection), the text is left selected for the keyboard.
function select(element) {
  if ("select" in element) {
    element.focus();
    element.select();
    return;
  }
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(element) {
  const text = "value" in element ? element.value : element.innerText;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    select(element);
    return document.execCommand("copy");
  }
}

export function enhanceCopy(button) {
  const target = document.getElementById(button.dataset.copyTarget.replace(/^#/, ""));
  if (!target) return;
  const status = document.createElement("span");
  status.className = "copy-status meta";
  status.setAttribute("role", "status");
  button.after(status);
  button.hidden = false;

  button.addEventListener("click", async () => {
    status.textContent = "";
    status.textContent = (await copy(target)) ? button.dataset.done : button.dataset.byHand;
  });
}
