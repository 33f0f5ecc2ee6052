// The list of personas to choose from.

import { avatar } from "./avatar.js";
import { make } from "./thread.js";
import { label } from "./words.js";

const list = document.getElementById("people-list");

let shown;

/** Shows the personas. A list that is the same stays as it is, so that it does not lose the keyboard. */
export function showPeople(personas, choose) {
  const seen = JSON.stringify(personas);
  if (seen === shown) {
    return;
  }
  shown = seen;
  list.replaceChildren(...personas.map((persona) => row(persona, choose)));
}

/** Marks who is talked with, and who is answering. */
export function markPeople(chosen, isAnswering) {
  for (const button of list.querySelectorAll(".person")) {
    const id = button.dataset.persona;
    button.toggleAttribute("data-answering", isAnswering(id));
    if (id === chosen) {
      button.setAttribute("aria-current", "true");
    } else {
      button.removeAttribute("aria-current");
    }
  }
}

function row(persona, choose) {
  const button = make("button", "person");
  button.type = "button";
  button.dataset.persona = persona.id;
  const speaks = make("span", "speaks", persona.languages.map((code) => code.toUpperCase()).join(" · "));
  speaks.setAttribute("role", "img");
  label(speaks, persona.languages.length > 1 ? "speaksBoth" : persona.languages[0] === "ko" ? "speaksKo" : "speaksEn");
  const first = make("span", "first");
  first.append(make("span", "name", persona.name), speaks);
  const preview = make("span", "preview", persona.greeting ?? "");
  preview.setAttribute("aria-hidden", "true");
  const lines = make("span", "lines");
  lines.append(first, preview);
  button.append(avatar(persona), lines);
  button.addEventListener("click", () => choose(persona.id));
  const item = make("li");
  item.append(button);
  return item;
}
