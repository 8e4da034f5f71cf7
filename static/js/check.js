// Looks at what is being written when typing pauses: the server answers with the part of the page that the button would show.
const PAUSE = 250;
const QUIET = 1000; // after so long without a key what was found is said aloud, if it is news

const markings = () => [...document.querySelectorAll(".marking")].map((mark) => mark.lastChild);

export function enhanceCheck(panel) {
  const { form } = panel.querySelector("button");
  const button = panel.querySelector("button[value=check]");
  const title = panel.querySelector("h2");
  const place = panel.querySelector("[data-check-found]");
  const status = panel.querySelector("[data-check-said]");
  const failed = panel.querySelector("[data-check-failed]");
  const reads = new Set(panel.dataset.reads.split(" "));
  const pageLevel = Number(panel.dataset.pageLevel);
  const words = markings().map((mark) => mark.data);
  let pause;
  let quiet;
  let asked = null;
  let looked = "";
  let heard = "";

  // Only what is compared leaves the page, and never in an address.
  function written() {
    const all = new FormData(form);
    const body = new URLSearchParams();
    for (const name of reads) for (const value of all.getAll(name)) if (value) body.append(name, value);
    return body;
  }

  // A page that shows a text is of its level.
  function mark(found) {
    const higher = Number(found.dataset.level ?? 0) > pageLevel;
    markings().forEach((node, number) => { node.data = higher ? found.dataset.marking : words[number]; });
  }

  function show(html) {
    const part = document.createElement("template");
    part.innerHTML = html;
    const found = part.content.querySelector(".found");
    if (!found) throw new Error("something else came");
    const opened = new Set([...place.querySelectorAll("details[data-ref][open]")].map((part) => part.dataset.ref));
    const focused = place.contains(document.activeElement);
    place.replaceChildren(part.content);
    for (const part of place.querySelectorAll("details[data-ref]")) if (opened.has(part.dataset.ref)) part.open = true;
    if (focused) (place.querySelector("button[name=take]") ?? title).focus();
    mark(found);
    return found.dataset.said ?? "";
  }

  function tell(said) {
    clearTimeout(quiet);
    if (said === heard) return;
    quiet = setTimeout(() => { heard = said; status.textContent = said; }, QUIET);
  }

  async function look() {
    const body = written();
    const now = body.toString();
    asked?.abort();
    if (now === looked) {
      place.removeAttribute("aria-busy");
      return true;
    }
    const mine = asked = new AbortController();
    body.append("csrf_token", form.elements.csrf_token.value);
    place.setAttribute("aria-busy", "true");
    try {
      // whoever is signed out is led elsewhere: that is no answer
      const answer = await fetch(panel.dataset.check, { method: "POST", body, redirect: "error", signal: mine.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      if (mine.signal.aborted) return false;
      looked = now;
      failed.hidden = true;
      tell(show(html));
    } catch {
      if (mine.signal.aborted) return false; // something newer is on its way
      looked = "";
      failed.hidden = false;
    }
    place.removeAttribute("aria-busy");
    return true;
  }

  function soon(event) {
    if (!reads.has(event.target.name)) return;
    clearTimeout(pause);
    clearTimeout(quiet);
    asked?.abort();
    pause = setTimeout(look, PAUSE);
  }

  form.addEventListener("input", soon);
  form.addEventListener("change", soon);

  button.addEventListener("click", async (event) => {
    event.preventDefault();
    clearTimeout(pause);
    looked = heard = "";
    if (await look()) title.focus();
  });

  // One click takes what the words suggest: it is chosen in the form, where it can be seen, and looked at with the rest.
  place.addEventListener("click", (event) => {
    const taken = event.target.closest("button[name=take]");
    if (!taken) return;
    event.preventDefault();
    const [name, ref] = taken.value.split(" ");
    const select = form.querySelector(`select[name="${CSS.escape(name)}"]`);
    const option = [...(select?.options ?? [])].find((one) => one.value === ref);
    if (!option) return;
    option.selected = true;
    const folded = select.closest("details");
    if (folded) folded.open = true;
    select.dispatchEvent(new Event("change", { bubbles: true }));
    clearTimeout(pause);
    look();
  });

  // What was typed before this page came: a version that is revised, a topic that the address names, a form that came back.
  if (panel.dataset.looked === undefined && [...written().keys()].some((name) => !["language", "stance"].includes(name))) look();
}
