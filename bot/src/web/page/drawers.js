// The columns at the sides. Where there is no room beside the conversation they lie over it and take the keyboard until they are closed.

const at = (id) => document.getElementById(id);
const people = at("people");
const memory = at("memory");

// The widths at which style.css lays them over the conversation.
const PEOPLE_LIE_OVER = matchMedia("(max-width: 47.99rem)");
const MEMORY_LIES_OVER = matchMedia("(max-width: 71.99rem)");

/** Closes what lies over the conversation. */
export function closeDrawers() {
  closePeople();
  if (MEMORY_LIES_OVER.matches) {
    closeMemory();
  }
}

/** Wires the buttons; `memoryOpened` is called when there is a memory to be read. */
export function listenToDrawers({ memoryOpened }) {
  at("open-people").addEventListener("click", openPeople);
  at("close-people").addEventListener("click", closePeople);
  at("open-memory").addEventListener("click", () => {
    if (memory.hidden) {
      memory.hidden = false;
      show();
      at("memory-title").focus();
      memoryOpened();
    } else {
      closeMemory();
    }
  });
  at("close-memory").addEventListener("click", closeMemory);
  at("shade").addEventListener("click", closeDrawers);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) {
      closeDrawers();
    }
  });
  PEOPLE_LIE_OVER.addEventListener("change", show);
  MEMORY_LIES_OVER.addEventListener("change", show);
  show();
}

function openPeople() {
  people.classList.add("open");
  show();
  (people.querySelector("[aria-current]") ?? at("close-people")).focus();
}

function closePeople() {
  if (people.classList.contains("open")) {
    people.classList.remove("open");
    show();
    at("open-people").focus();
  }
}

function closeMemory() {
  if (!memory.hidden) {
    memory.hidden = true;
    show();
    at("open-memory").focus();
  }
}

function show() {
  const peopleOver = people.classList.contains("open") && PEOPLE_LIE_OVER.matches;
  const memoryOver = !memory.hidden && MEMORY_LIES_OVER.matches;
  at("shade").hidden = !peopleOver && !memoryOver;
  // What lies under the shade is out of reach for keyboards and readers too.
  document.querySelector("main").inert = peopleOver || memoryOver;
  people.inert = PEOPLE_LIE_OVER.matches ? !peopleOver : memoryOver;
  at("open-people").setAttribute("aria-expanded", peopleOver);
  at("open-memory").setAttribute("aria-expanded", !memory.hidden);
}
