// What a browser with scripts gets on top. Every page works without any of this.
import { enhanceCheck } from "./check.js";
import { enhanceCombobox } from "./combobox.js";
import { enhanceCopy } from "./copy.js";
import { enhanceCounter } from "./counter.js";
import { guardForms } from "./once.js";
import { closeMenus } from "./menus.js";

for (const select of document.querySelectorAll("select[data-combobox]")) enhanceCombobox(select);
for (const button of document.querySelectorAll("[data-copy-target]")) enhanceCopy(button);
for (const counter of document.querySelectorAll("[data-counts]")) enhanceCounter(counter);
for (const panel of document.querySelectorAll("[data-check]")) enhanceCheck(panel);
guardForms();
closeMenus();

document.querySelector("[data-focus-on-load]")?.focus();
