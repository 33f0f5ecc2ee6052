// Everything that the page asks the daemon. Knows requests and streams, nothing of what is shown.

import { language } from "./words.js";

/** Nobody answers at this address. */
export class Gone extends Error {}

/** The daemon answered, and said no. */
export class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** Who can answer, with which model, and which commands there are. */
export async function about() {
  return (await ask("/api/about")).json();
}

/** What was said lately: `[{ said, reply, at }]`. */
export async function talk(persona) {
  return (await (await ask(`/api/talk?${withPersona(persona)}`)).json()).turns;
}

/** What is remembered: `{ facts, summary }`. */
export async function memory(persona) {
  return (await ask(`/api/memory?${withPersona(persona)}`)).json();
}

/** Forgets one line. One that is already gone counts as forgotten. */
export async function forget(persona, fact) {
  try {
    await ask(`/api/memory/${fact}?${withPersona(persona)}`, { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof Refused && error.status === 404)) {
      throw error;
    }
  }
}

/** Forgets everything, and the conversation with it. */
export async function forgetAll(persona) {
  await ask(`/api/memory?${withPersona(persona)}`, { method: "DELETE" });
}

/** Says something; resolves as soon as the daemon has it, to what is to be shown. */
export async function say(persona, text, signal) {
  const body = JSON.stringify({ persona, text });
  const response = await ask("/api/say", { method: "POST", body, signal, headers: { "Content-Type": "application/json" } });
  return shows(response.body);
}

/** The events of a stream, which may be cut at any byte. */
async function* shows(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((cause) => {
        throw new Gone("the stream broke off", { cause });
      });
      if (done) {
        return;
      }
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines.map((line) => line.replace(/\r$/, ""))) {
        if (line.startsWith("data:")) {
          data.push(line.slice("data:".length).replace(/^ /, ""));
        } else if (line === "" && data.length > 0) {
          yield JSON.parse(data.join("\n"));
          data = [];
        }
        // Other lines are comments, which only keep the connection open.
      }
    }
  } finally {
    // A listener that leaves early tells the daemon so, which then stops the reply.
    reader.cancel().catch(() => {});
  }
}

async function ask(path, { headers = {}, ...rest } = {}) {
  let response;
  try {
    response = await fetch(path, { ...rest, cache: "no-store", headers: { ...headers, "X-User-Id": visitor(), "Accept-Language": language() } });
  } catch (cause) {
    throw new Gone("no answer", { cause });
  }
  if (!response.ok) {
    throw new Refused(response.status, await reason(response));
  }
  return response;
}

async function reason(response) {
  const text = await response.text().catch(() => "");
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text.trim() || `${response.status}`;
  }
}

function withPersona(persona) {
  return new URLSearchParams({ persona });
}

let remembered;

/** The visitor's id, made once and kept in this browser. */
function visitor() {
  try {
    remembered ??= localStorage.getItem("chatfriends.visitor") ?? undefined;
    if (remembered === undefined) {
      remembered = randomId();
      localStorage.setItem("chatfriends.visitor", remembered);
    }
  } catch {
    // Without storage the visitor is a new one after a reload.
    remembered ??= randomId();
  }
  return remembered;
}

// `crypto.randomUUID` is missing where the page is opened over plain HTTP by another machine's address; this is not.
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
