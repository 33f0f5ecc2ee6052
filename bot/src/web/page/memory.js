// The panel of what a persona remembers: shows it, and forgets it line by line or at once.

import * as daemon from "./daemon.js";
import { make } from "./thread.js";
import { label, language, tell } from "./words.js";

const panel = document.getElementById("memory");
const title = document.getElementById("memory-title");
const trouble = document.getElementById("memory-trouble");
const empty = document.getElementById("memory-empty");
const facts = document.getElementById("facts");
const summary = document.getElementById("summary");
const summaryText = document.getElementById("summary-text");
const forgetAll = document.getElementById("forget-all");
const dialog = document.getElementById("forget-dialog");

/** The memory panel. `announce` tells readers what happened; `forgotten` is called when all of a persona's memory is gone. */
export class MemoryPanel {
  #persona;
  #held = { facts: [], summary: null };

  constructor({ announce, forgotten }) {
    this.announce = announce;
    this.forgotten = forgotten;
    forgetAll.addEventListener("click", () => this.#ask());
    document.getElementById("forget-no").addEventListener("click", () => dialog.close());
    document.getElementById("forget-yes").addEventListener("click", () => this.#forgetAll());
  }

  /** Shows another persona's memory. */
  async of(persona) {
    this.#persona = persona;
    this.#held = { facts: [], summary: null };
    tell(title, "memory", { name: persona.name });
    dialog.close();
    this.show();
    await this.refresh();
  }

  /** Reads it anew, where it is seen. */
  async refresh() {
    if (panel.hidden || !this.#persona) {
      return;
    }
    const persona = this.#persona;
    try {
      const held = await daemon.memory(persona.id);
      // Another persona may have been chosen meanwhile.
      if (persona === this.#persona) {
        this.#held = held;
        trouble.hidden = true;
      }
    } catch {
      this.#fail("memoryTrouble");
    }
    this.show();
  }

  /** Shows what was read last, in the language of now. */
  show() {
    const { facts: held, summary: earlier } = this.#held;
    facts.replaceChildren(...held.map((fact) => this.#line(fact)));
    summary.hidden = !earlier;
    summaryText.textContent = earlier ?? "";
    const nothing = held.length === 0 && !earlier;
    empty.hidden = !nothing || !trouble.hidden;
    // Turns alone can be forgotten too, so the button stays.
    forgetAll.hidden = !this.#persona;
  }

  #line(fact) {
    const key = fact.key[language()];
    const line = make("li");
    const what = make("div");
    what.append(make("span", "key", key), make("span", "value", fact.value));
    const button = make("button", "quiet square", "×");
    button.type = "button";
    label(button, "forget", { key, value: fact.value });
    button.addEventListener("click", () => this.#forget(fact, button));
    line.append(what, button);
    return line;
  }

  async #forget(fact, button) {
    button.disabled = true;
    const index = this.#held.facts.indexOf(fact);
    try {
      await daemon.forget(this.#persona.id, fact.id);
    } catch {
      button.disabled = false;
      this.#fail("notForgotten");
      return;
    }
    this.announce("forgotten", { value: fact.value });
    await this.refresh();
    // The button is gone; the next line's takes its place, so that the keyboard is not lost.
    const buttons = facts.querySelectorAll("button");
    (buttons[Math.min(index, buttons.length - 1)] ?? title).focus();
  }

  #ask() {
    tell(document.getElementById("forget-title"), "forgetTitle", { name: this.#persona.name });
    dialog.showModal();
    document.getElementById("forget-no").focus();
  }

  async #forgetAll() {
    dialog.close();
    const persona = this.#persona;
    forgetAll.disabled = true;
    try {
      await daemon.forgetAll(persona.id);
      this.forgotten(persona);
    } catch {
      this.#fail("notForgotten");
    }
    forgetAll.disabled = false;
    await this.refresh();
  }

  #fail(sentence) {
    tell(trouble, sentence);
    trouble.hidden = false;
    this.announce(sentence);
  }
}
