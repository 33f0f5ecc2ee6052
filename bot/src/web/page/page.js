// The web chat: who is talked with, and what the buttons do. What happens to a message stands in exchange.js, how a conversation looks in
// thread.js, requests in daemon.js, every sentence in words.js.

import { avatar, hue } from "./avatar.js";
import { Box } from "./box.js";
import * as daemon from "./daemon.js";
import { closeDrawers, listenToDrawers } from "./drawers.js";
import { commandOf, exchange, stop } from "./exchange.js";
import { MemoryPanel } from "./memory.js";
import { markPeople, showPeople } from "./people.js";
import { toEnd } from "./scroll.js";
import { Thread } from "./thread.js";
import { language, languageOf, sayAll, speak, tell, words } from "./words.js";

const at = (id) => document.getElementById(id);

/** What `/api/about` said last; undefined until it said something. */
let about;
/** The conversation that is shown; undefined until there is one. */
let shown;
/** All conversations that were shown, by persona. Replies go on coming in those that are not. */
const threads = new Map();

const box = new Box({ submit, stop: () => stop(shown) });

const memory = new MemoryPanel({
  announce: (sentence, values) => announce(words(sentence, values)),
  forgotten: (persona) => {
    threads.get(persona.id).begin({ greeting: true });
    announce(words("allForgotten"));
  },
});

sayAll();
listen();
look();

/** Asks the daemon how it is, and again soon while it is not well. */
async function look() {
  clearTimeout(look.again);
  let state = "gone";
  try {
    about = await daemon.about();
    state = about.trouble === null ? "well" : about.lasting ? "failed" : "notReady";
  } catch {
    // The banner says it.
  }
  const before = at("banner").dataset.state;
  showBanner(state);
  if (state !== "well") {
    look.again = setTimeout(look, 2000);
  }
  if (state === "gone") {
    return;
  }
  box.about = about;
  at("foot-starter").hidden = !about.starter;
  showPeople(about.personas, async (id) => {
    closeDrawers();
    await choose(id);
    box.focus();
  });
  await choose(shown?.persona.id ?? kept("persona"));
  if (state === "well" && (before === "gone" || before === "notReady")) {
    announce(words(before === "gone" ? "back" : "ready"));
    await memory.refresh();
  }
}

function showBanner(state) {
  at("banner").dataset.state = state;
  at("banner").hidden = state === "well";
  at("banner-reason").hidden = state === "gone" || state === "well";
  if (state !== "well") {
    tell(at("banner-sentence"), state);
    at("banner-reason").textContent = about?.trouble ?? "";
  }
}

/** Shows the conversation with a persona, or with the default one. Returns it once it is read. */
async function choose(id) {
  const named = (id) => about.personas.find((persona) => persona.id === id);
  const persona = named(id) ?? named(about.default) ?? about.personas[0];
  const chosen = threadOf(persona);
  if (chosen !== shown) {
    if (shown) {
      shown.element.hidden = true;
    }
    shown = chosen;
    shown.element.hidden = false;
    keep("persona", persona.id);
    document.documentElement.style.setProperty("--hue", hue(persona.id));
    document.title = `${persona.name} · chatfriends`;
    at("who").textContent = persona.name;
    at("who-avatar").replaceChildren(avatar(persona));
    at("open-memory").disabled = false;
    box.to(persona);
    toEnd();
    memory.of(persona);
  }
  showAnswering();
  await load(chosen);
  return chosen;
}

function threadOf(persona) {
  if (!threads.has(persona.id)) {
    const made = new Thread(persona, { regenerate: (thread) => send(thread, "/regenerate"), explainStarter: () => at("starter-dialog").showModal() });
    threads.set(persona.id, made);
    at("scroller").append(made.element);
  }
  const known = threads.get(persona.id);
  // Its file may have been edited since, and the model exchanged.
  known.persona = persona;
  known.starter = about.starter;
  return known;
}

/** Shows what was said before the page was opened. */
async function load(thread) {
  if (thread.loaded || thread.stopper) {
    return;
  }
  thread.loaded = true;
  const unanswered = (turns) => turns.length > 0 && turns.at(-1).reply === null;
  try {
    let turns = await daemon.talk(thread.persona.id);
    if (unanswered(turns)) {
      // Perhaps the page was reloaded in the middle of this reply, and the daemon is about to store what there was of it.
      await new Promise((done) => setTimeout(done, 1000));
      turns = await daemon.talk(thread.persona.id);
    }
    if (thread.stopper) {
      // Something is being said already; the past can be read another time.
      thread.loaded = false;
      return;
    }
    thread.tellPast(turns);
    if (unanswered(turns)) {
      thread.trouble({ key: "noReply" }, { key: "answerNow", run: () => send(thread, "/regenerate") });
    }
  } catch {
    thread.loaded = false;
    if (thread.stopper) {
      return;
    }
    thread.begin({ greeting: false });
    thread.trouble({ key: "historyTrouble" }, { key: "retry", run: () => load(thread) });
  }
}

/** Sends what is in the box, if it can be sent now. */
async function submit() {
  const text = box.text;
  if (!shown || text === "") {
    return;
  }
  if (box.isTooLong) {
    announce(box.showNote());
  } else if (!shown.stopper) {
    toEnd();
    await send(shown, text, { fromBox: true });
  } else if (commandOf(text, about.commands) === "stop") {
    box.remove(text);
    await stop(shown);
  } else {
    announce(box.showNote("stillAnswering", { name: shown.persona.name }));
  }
}

/** One exchange in a conversation, which takes part in one at a time. */
async function send(thread, text, { fromBox = false } = {}) {
  if (thread.stopper) {
    return;
  }
  thread.stopper = new AbortController();
  thread.offerRegenerate();
  showAnswering();
  if (document.activeElement === document.body) {
    // The button that asked for this is gone.
    box.focus();
  }
  const told = await exchange(thread, text, {
    commands: about.commands,
    // The words stay in the box until the daemon has them.
    accepted: () => fromBox && box.remove(text),
    isInBox: (text) => box.text === text,
    handBack: (text) => box.takeBack(text),
    switched: async (id) => {
      if (!about.personas.some((persona) => persona.id === id)) {
        // Its file has come since the page was opened.
        await look();
      }
      return choose(id);
    },
    lost: look,
    repeat: (text, { fromBox }) => {
      toEnd();
      if (fromBox && box.text !== "") {
        // Perhaps they were changed since.
        submit();
      } else {
        send(thread, text);
      }
    },
  });
  thread.stopper = undefined;
  thread.offerRegenerate();
  showAnswering();
  announce(told);
  await memory.refresh();
}

/** Shows where replies are coming just now. */
function showAnswering() {
  const answering = shown?.stopper !== undefined;
  box.showAnswering(answering);
  at("anew").disabled = answering;
  markPeople(shown?.persona.id, (id) => threads.get(id)?.stopper !== undefined);
}

function listen() {
  listenToDrawers({ memoryOpened: () => memory.refresh() });
  at("anew").addEventListener("click", async () => {
    if (shown) {
      toEnd();
      await send(shown, "/new");
      box.focus();
    }
  });
  at("foot-starter").addEventListener("click", () => at("starter-dialog").showModal());
  at("starter-close").addEventListener("click", () => at("starter-dialog").close());

  for (const button of document.querySelectorAll("[data-language]")) {
    const mark = () => button.setAttribute("aria-pressed", button.dataset.language === language());
    button.addEventListener("click", () => {
      speak(button.dataset.language);
      memory.show();
      box.showCommands();
    });
    document.addEventListener("spoken", mark);
    mark();
  }

  // iOS lays the keyboard over the page; only the visual viewport tells how much is left.
  const viewport = window.visualViewport;
  viewport?.addEventListener("resize", () => {
    if (viewport.scale === 1) {
      document.documentElement.style.setProperty("--height", `${viewport.height}px`);
      window.scrollTo(0, 0);
    }
  });

  // Personas may have been edited, or the daemon stopped, while nobody looked.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      look();
    }
  });
}

/** Tells screen readers something, when they have finished what they are saying. */
function announce(text) {
  const told = at("told");
  told.textContent = "";
  told.lang = languageOf(text);
  // Told twice the same, readers would say it once.
  setTimeout(() => (told.textContent = text), 50);
}

function keep(key, value) {
  try {
    localStorage.setItem(`chatfriends.${key}`, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function kept(key) {
  try {
    return localStorage.getItem(`chatfriends.${key}`) ?? undefined;
  } catch {
    return undefined;
  }
}
