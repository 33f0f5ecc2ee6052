// The box that people write in: it grows, counts, offers commands, and hands on what is to be sent. Sends nothing itself.

import { make } from "./thread.js";
import { hint, label, language, tell } from "./words.js";

const form = document.getElementById("composer");
const input = document.getElementById("say");
const note = document.getElementById("foot-note");
const list = document.getElementById("commands");
const send = document.getElementById("send");
const stop = document.getElementById("stop");

/** The box. `submit` and `stop` are called when people want that. */
export class Box {
  /** What `/api/about` tells: the commands, and the longest message in characters. */
  about = { commands: [], longest: Infinity };

  constructor(wishes) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      wishes.submit();
    });
    stop.addEventListener("click", () => wishes.stop());
    input.addEventListener("input", () => this.#changed());
    input.addEventListener("keydown", (event) => {
      // Enter that commits a Korean syllable is not meant for us. Safari tells so only by the old key code.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) {
        return;
      }
      event.preventDefault();
      wishes.submit();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        list.hidden = true;
        input.focus();
      }
    });
  }

  get text() {
    return input.value.trim();
  }

  get isTooLong() {
    return length(this.text) > this.about.longest;
  }

  /** Names the persona that is written to. */
  to(persona) {
    hint(input, "hint", { name: persona.name });
    label(input, "sayLabel", { name: persona.name });
    this.showNote();
  }

  fill(text) {
    input.value = text;
    this.#changed();
  }

  /** Takes out what was sent. Whoever went on typing meanwhile keeps the rest. */
  remove(text) {
    const value = input.value.trimStart();
    if (value.startsWith(text)) {
      this.fill(value.slice(text.length).trimStart());
    }
  }

  /** Puts words back for their author to change, if nothing else was begun. */
  takeBack(text) {
    if (this.text !== "") {
      return false;
    }
    this.fill(text);
    return true;
  }

  /** Shows Stop in the place of Send, or Send again. */
  showAnswering(answering) {
    const hadFocus = document.activeElement === send || document.activeElement === stop;
    send.hidden = answering;
    stop.hidden = !answering;
    if (hadFocus) {
      (answering ? stop : input).focus();
    }
    this.showNote();
  }

  /** A touch keyboard that jumps up unasked hides half the page, so it stays down there. */
  focus() {
    if (matchMedia("(hover: hover)").matches) {
      input.focus();
    }
  }

  /** The line below: a sentence, or how long the text is once that matters, or that this is an AI. Returns what it says. */
  showNote(key, values) {
    const { longest } = this.about;
    const count = length(this.text);
    note.classList.toggle("over", count > longest);
    if (key) {
      tell(note, key, values);
    } else if (count > longest) {
      tell(note, "tooLong", { over: count - longest, longest });
    } else if (count > longest * 0.8) {
      tell(note, "lengthLeft", { count, longest });
    } else {
      tell(note, "footNote");
    }
    return note.textContent;
  }

  /** What can follow the slash that was typed. */
  showCommands() {
    const typed = /^\/\S*$/.test(input.value) ? input.value.slice(1).toLowerCase().normalize("NFC") : undefined;
    const fitting = typed === undefined ? [] : this.about.commands.filter(({ name }) => name.en.startsWith(typed) || name.ko.startsWith(typed));
    list.replaceChildren(...fitting.map((command) => this.#offer(command)));
    list.hidden = fitting.length === 0;
  }

  #changed() {
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight}px`;
    this.showNote();
    this.showCommands();
  }

  #offer(command) {
    const [name, usage] = [`/${command.name[language()]}`, command.usage[language()]];
    const button = make("button", "command-line");
    button.type = "button";
    button.append(make("span", "usage", usage), make("span", "soft", command.summary[language()]));
    button.addEventListener("click", () => {
      this.fill(usage === name ? name : `${name} `);
      list.hidden = true;
      input.focus();
    });
    const line = make("li");
    line.append(button);
    return line;
  }
}

/** Characters as the daemon counts them. */
function length(text) {
  return Array.from(text).length;
}
