// A <select> becomes an ARIA 1.2 combobox with removable chips. The select stays in the form, hidden, and is what is sent.
const MOST = 50;
let last = 0;

// "Elections" finds "Élections"; a space or a hyphen starts a word.
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function isolated(text) {
  return make("bdi", {}, text);
}

export function enhanceCombobox(select) {
  const words = select.dataset;
  const id = select.id;
  const single = !select.multiple;
  const options = [...select.options].filter((option) => option.value !== "");
  const entries = options.map((option) => ({
    option,
    label: option.label,
    group: option.parentElement.matches("optgroup") ? option.parentElement.label : "",
    haystack: fold(`${option.label} ${option.dataset.aliases ?? ""}`),
  }));

  // The text box takes over the id, so that the label, the hint, the error and the link in the error summary all lead to it.
  select.id = `${id}-select`;
  select.hidden = true;
  const listId = `${id}-list`;
  const input = make("input", {
    type: "text", id, class: "combobox-input", role: "combobox", autocomplete: "off", spellcheck: "false", dir: "auto",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId, placeholder: words.typeToFind,
  });
  for (const name of ["aria-describedby", "aria-invalid", "required", "disabled"]) {
    if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  }
  select.removeAttribute("required"); // a hidden control that is required would block the form without a word

  const label = document.querySelector(`label[for="${CSS.escape(id)}"]`);
  const name = label ? label.firstChild.textContent.trim() : "";
  const chips = make("ul", { class: "combobox-chips", "aria-label": `${words.chosen} ${name}` });
  const list = make("ul", { class: "combobox-list", id: listId, role: "listbox", "aria-label": name });
  if (!single) list.setAttribute("aria-multiselectable", "true");
  const note = make("p", { class: "combobox-note" });
  const status = make("p", { class: "visually-hidden", role: "status" });
  list.hidden = true;
  note.hidden = true;
  const box = make("div", { class: "combobox" }, chips, input, list, note);
  select.after(box, status);

  let shown = [];
  let active = -1;

  const say = (text) => { status.textContent = text; };

  function close() {
    list.hidden = true;
    note.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function activate(index) {
    list.children[active]?.classList.remove("is-active");
    active = index;
    const row = list.children[active];
    if (!row) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    row.classList.add("is-active");
    row.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", row.id);
  }

  function matching() {
    const parts = fold(input.value).split(/\s+/).filter(Boolean);
    const fits = entries.filter(({ haystack }) => parts.every((part) => haystack.includes(part)));
    // What starts with the words typed comes first; sort() keeps the given order among equals.
    const first = parts.join(" ");
    return first ? fits.sort((a, b) => b.haystack.startsWith(first) - a.haystack.startsWith(first)) : fits;
  }

  function open() {
    const fits = matching();
    shown = fits.slice(0, MOST);
    list.replaceChildren(...shown.map(({ option, label: text, group }) => {
      last += 1;
      const row = make("li", {
        class: "combobox-option", role: "option", id: `${listId}-${last}`, "aria-selected": String(option.selected),
      }, isolated(text));
      if (group) row.append(make("span", { class: "combobox-option-group" }, isolated(group)));
      return row;
    }));
    active = -1;
    input.removeAttribute("aria-activedescendant");
    const any = shown.length > 0;
    list.hidden = !any;
    note.hidden = any;
    note.textContent = any ? "" : words.nothing;
    input.setAttribute("aria-expanded", String(any));
    if (!any) say(words.nothing);
    else say(`${words.found} ${fits.length}${fits.length > MOST ? `. ${words.more}` : ""}`);
  }

  function drawChips() {
    chips.replaceChildren(...entries.filter(({ option }) => option.selected).map(({ option, label: text }) => {
      const remove = make("button", { type: "button", class: "combobox-remove", "aria-label": `${words.remove} ${text}` }, "×");
      remove.addEventListener("click", () => {
        choose(option, false);
        input.focus();
        close();
      });
      return make("li", { class: "combobox-chip" }, isolated(text), remove);
    }));
    chips.hidden = chips.children.length === 0;
  }

  function choose(option, selected) {
    if (single) select.value = selected ? option.value : "";
    else option.selected = selected;
    drawChips();
    say(`${selected ? words.chosen : words.removed} ${option.label}`);
    select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function take(index) {
    const { option } = shown[index];
    choose(option, !option.selected);
    input.value = "";
    close();
  }

  input.addEventListener("input", open);
  input.addEventListener("click", () => { if (list.hidden) open(); });
  input.addEventListener("blur", () => {
    close();
    input.value = ""; // half a word that chose nothing must not look like an answer
  });

  input.addEventListener("keydown", (event) => {
    const opened = !list.hidden;
    if (event.isComposing) return;
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp": {
        event.preventDefault();
        if (!opened) open();
        const step = event.key === "ArrowDown" ? 1 : -1;
        const start = active < 0 && step < 0 ? shown.length : active;
        if (shown.length) activate((start + step + shown.length) % shown.length);
        break;
      }
      case "Enter":
        if (opened && active >= 0) {
          event.preventDefault();
          take(active);
        } else if (opened && input.value && shown.length === 1) {
          event.preventDefault();
          take(0);
        } else if (input.value) {
          event.preventDefault(); // half a word is not a wish to send the form
        }
        break;
      case "Escape":
        if (opened || input.value) {
          event.preventDefault();
          event.stopPropagation();
          if (!opened) input.value = "";
          close();
        }
        break;
      case "Backspace": {
        const chosen = entries.filter(({ option }) => option.selected);
        if (input.value === "" && chosen.length) choose(chosen.at(-1).option, false);
        break;
      }
    }
  });

  // The focus stays in the text box while the mouse chooses.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const row = event.target.closest(".combobox-option");
    if (row) take([...list.children].indexOf(row));
  });
  box.addEventListener("click", (event) => { if (event.target === box) input.focus(); });

  // Another script, a reset, or a browser which restores the form on the way back changes the select behind our back.
  select.addEventListener("change", drawChips);
  select.form?.addEventListener("reset", () => setTimeout(drawChips));
  window.addEventListener("pageshow", drawChips);
  drawChips();
}
