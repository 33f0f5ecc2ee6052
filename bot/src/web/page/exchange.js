// What happens to one message or command, from sending it to the last thing that comes back.

import * as daemon from "./daemon.js";

/** The English name of the command that a text is: "unknown" when there is none of that name, undefined for what is no command. */
export function commandOf(text, commands) {
  if (!text.startsWith("/")) {
    return undefined;
  }
  const typed = text.slice(1).split(/\s/)[0].normalize("NFC");
  return commands.find(({ name }) => name.en === typed.toLowerCase() || name.ko === typed)?.name.en ?? "unknown";
}

/**
 * Sends `text` to the thread's persona and shows what comes. Returns what a reader is to be told at the end.
 *
 * `commands` are the daemon's. `accepted` is called as soon as the daemon has the words, `isInBox` to know whether they wait there until
 * then, `handBack` with words that it did not want (it tells whether there was room for them), `switched` with the id of a persona that takes
 * over (it resolves to that one's thread), `lost` when the daemon cannot be reached, and `repeat` when people want a failed message tried again.
 */
export async function exchange(thread, text, { commands, accepted, isInBox, handBack, switched, lost, repeat }) {
  const command = commandOf(text, commands);
  const told = [];
  let reply;
  let said;
  let here = thread;
  let reached = false;
  let ended = false;
  /** Whether the words never left the box. */
  let unsent = false;
  // Stored words are answered by /regenerate; others have to be sent again.
  let stored = command === "regenerate";
  const remedy = () => ({
    key: "retry",
    run: () => {
      if (!stored) {
        said?.remove();
      }
      repeat(stored ? "/regenerate" : text, { fromBox: unsent });
    },
  });

  thread.clearTroubles();
  try {
    const shows = await daemon.say(thread.persona.id, text, thread.stopper.signal);
    reached = true;
    accepted();
    if (command !== "regenerate") {
      said = thread.said(text);
    }
    if (command === undefined) {
      reply = thread.reply();
    } else if (command === "regenerate" && thread.last) {
      reply = thread.last;
      reply.wait(thread.persona);
    }
    for await (const show of shows) {
      switch (show.show) {
        case "taken":
          stored = true;
          thread.last = undefined;
          break;
        case "text":
          reply ??= thread.reply();
          reply.write(show.text);
          break;
        case "notice":
        case "file":
          if (leavesNothing(text, command)) {
            here.begin({ greeting: true });
          }
          told.push(show.text);
          here.notice(show.text);
          break;
        case "trouble": {
          const unwanted = !stored && ["message", "unknown_persona"].includes(show.kind);
          told.push(show.text);
          reply?.end();
          here.trouble({ text: show.text }, unwanted ? undefined : remedy());
          if (unwanted && handBack(text)) {
            said?.remove();
          }
          break;
        }
        case "persona":
          here = await switched(show.id);
          break;
        case "done":
          ended = true;
          reply?.end({ stopped: "stopped", length: "lengthReached" }[show.finish?.reason]);
          break;
      }
      if (ended) {
        break;
      }
    }
    if (!ended) {
      throw new daemon.Gone("the stream ended without an end");
    }
  } catch (error) {
    const stopped = thread.stopper.signal.aborted;
    reply?.end(stopped ? "stopped" : undefined);
    unsent = !reached && isInBox(text);
    if (error instanceof daemon.Refused) {
      told.push(thread.trouble({ key: "refused", values: { reason: error.message } }, remedy()));
    } else if (!stopped) {
      const sentence = reached ? "brokeOff" : unsent ? "notSent" : "notReached";
      told.push(thread.trouble({ key: sentence }, remedy()));
      lost();
      if (!(error instanceof daemon.Gone)) {
        console.error(error);
      }
    }
  }

  if (reply && !reply.isEmpty) {
    told.unshift(`${thread.persona.name}: ${reply.text}`);
    if (stored) {
      thread.last = reply;
    }
  }
  return told.join("\n");
}

/** Whether a command that has worked leaves nothing of the conversation to be seen. */
function leavesNothing(text, command) {
  return command === "new" || (command === "memory" && /^\S+\s+(forget\s+all|삭제\s+전체)$/.test(text.normalize("NFC")));
}

/** Asks the daemon to stop. If it does not hear that, it notices that nobody listens any more. */
export async function stop(thread) {
  const { stopper } = thread;
  const patience = setTimeout(() => stopper?.abort(), 3000);
  try {
    for await (const show of await daemon.say(thread.persona.id, "/stop")) {
      if (show.show === "done") {
        break;
      }
    }
  } catch {
    clearTimeout(patience);
    stopper?.abort();
  }
}
