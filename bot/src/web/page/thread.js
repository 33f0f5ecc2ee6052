// One persona's conversation as it is seen: bubbles, notices, troubles. Knows how things look, not when they happen.

import { avatar } from "./avatar.js";
import { changed } from "./scroll.js";
import { label, languageOf, tell } from "./words.js";

/** A conversation. `element` goes into the page; `regenerate` and `explainStarter` are called when people want that. */
export class Thread {
  constructor(persona, { regenerate, explainStarter }) {
    this.persona = persona;
    this.regenerate = regenerate;
    this.explainStarter = explainStarter;
    this.starter = false;
    /** Whether what was said before is shown. */
    this.loaded = false;
    /** Aborts the exchange that is going on; undefined while there is none. */
    this.stopper = undefined;
    /** The reply to the last message that the daemon has stored. */
    this.last = undefined;
    this.element = make("div", "thread");
    this.element.hidden = true;
  }

  /** Shows the beginning of a conversation: who this is, and the greeting while nothing was said. */
  begin({ greeting }) {
    this.element.replaceChildren(this.#introduction());
    this.last = undefined;
    if (greeting && this.persona.greeting) {
      this.#add(bubble("theirs", this.persona.greeting, this.persona));
    }
    changed();
  }

  /** Shows what was said before: `[{ said, reply }]`. */
  tellPast(turns) {
    this.begin({ greeting: turns.length === 0 });
    for (const turn of turns) {
      this.said(turn.said);
      this.last = undefined;
      if (turn.reply !== null) {
        this.last = this.reply();
        this.last.write(turn.reply);
        this.last.end(turn.complete ? undefined : "unfinished");
      }
    }
    this.offerRegenerate();
  }

  /** What the person said. */
  said(text) {
    const element = bubble(text.startsWith("/") ? "mine command" : "mine", text);
    this.#add(element);
    return element;
  }

  /** A reply that is about to come. */
  reply() {
    const reply = new Reply(this.persona);
    this.#add(reply.element);
    return reply;
  }

  /** A sentence of the daemon itself. */
  notice(text) {
    const element = make("div", "notice");
    element.lang = languageOf(text);
    element.append(make("span", "unseen", "chatfriends: "), text);
    this.#add(element);
    return element;
  }

  /** Something that went wrong: a text, or a key of words.js, and perhaps what can be done about it. */
  trouble(sentence, remedy) {
    const element = make("div", "trouble");
    const line = make("p");
    if (sentence.key) {
      tell(line, sentence.key, sentence.values);
    } else {
      line.textContent = sentence.text;
    }
    element.append(line);
    if (remedy) {
      const button = make("button", "quiet");
      button.type = "button";
      tell(button, remedy.key);
      button.addEventListener("click", () => {
        element.remove();
        remedy.run();
      });
      element.append(button);
    }
    this.#add(element);
    return line.textContent;
  }

  /** Takes away troubles that a new attempt has made pointless. */
  clearTroubles() {
    for (const element of this.element.querySelectorAll(".trouble")) {
      element.remove();
    }
  }

  /** Offers another answer under the last stored reply, and nowhere else. */
  offerRegenerate() {
    this.element.querySelector(".again")?.remove();
    if (!this.last || this.last.isEmpty || this.stopper) {
      return;
    }
    const button = make("button", "again quiet");
    button.type = "button";
    tell(button, "regenerate");
    button.addEventListener("click", () => this.regenerate(this));
    this.last.element.append(button);
    changed();
  }

  #introduction() {
    const element = make("div", "introduction");
    const name = make("p", "name", this.persona.name);
    const ai = make("p", "soft");
    tell(ai, "ai");
    element.append(avatar(this.persona), name, ai);
    if (this.starter) {
      const note = make("p", "soft");
      const sentence = make("span");
      const more = make("button", "link");
      tell(sentence, "starterNote");
      more.type = "button";
      tell(more, "starterMore");
      more.addEventListener("click", this.explainStarter);
      note.append(sentence, " ", more);
      element.append(note);
    }
    return element;
  }

  #add(element) {
    this.element.append(element);
    changed();
  }
}

/** The persona's words as they come. */
export class Reply {
  #words;
  #mark;
  #fresh = true;

  constructor(persona) {
    this.element = bubble("theirs", "", persona);
    this.#words = this.element.querySelector(".words");
    this.wait(persona);
  }

  get isEmpty() {
    return this.text === "";
  }

  get text() {
    return this.#fresh ? (this.old ?? "") : this.#words.textContent;
  }

  /** From now on other words are awaited; until they come the old ones stay, dimmed. */
  wait(persona) {
    this.old = this.#fresh ? undefined : this.#words.textContent;
    this.#fresh = true;
    this.#mark?.remove();
    this.element.classList.add("waiting");
    if (this.old === undefined) {
      const dots = make("span", "dots");
      dots.setAttribute("role", "img");
      label(dots, "thinking", { name: persona.name });
      dots.append(make("i"), make("i"), make("i"));
      this.#words.replaceChildren(dots);
    }
    changed();
  }

  /** More of the reply. */
  write(piece) {
    if (this.#fresh) {
      this.#fresh = false;
      this.element.classList.remove("waiting");
      this.element.classList.add("coming");
      this.#words.replaceChildren(document.createTextNode(""));
    }
    this.#words.firstChild.appendData(piece);
    changed();
  }

  /** Nothing more comes. A reply that never began leaves the old one, or nothing at all. */
  end(mark) {
    this.element.classList.remove("waiting", "coming");
    if (this.#fresh && this.old !== undefined) {
      this.#fresh = false;
    }
    if (this.#fresh) {
      this.#words.replaceChildren();
    }
    this.#words.lang = languageOf(this.text);
    if (mark) {
      this.#mark = make("p", "mark");
      tell(this.#mark, mark);
      this.element.append(this.#mark);
    } else if (this.isEmpty) {
      this.element.remove();
    }
    changed();
  }
}

function bubble(kind, text, persona) {
  const element = make("div", `bubble ${kind}`);
  const who = make("span", "unseen");
  if (persona) {
    who.textContent = `${persona.name}: `;
  } else {
    tell(who, "you");
  }
  const said = make("div", "words", text);
  said.lang = languageOf(text);
  element.append(who, said);
  return element;
}

/** An element with a class and a text; never markup. */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) {
    element.className = className;
  }
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}
