// Keeps the newest line in sight while it was in sight, and offers the way back to it otherwise.

const scroller = document.getElementById("scroller");
const button = document.getElementById("to-end");

let stuck = true;

/** To be called after whatever changed the conversation's height. */
export function changed() {
  if (stuck) {
    scroller.scrollTop = scroller.scrollHeight;
  }
  button.hidden = stuck;
}

/** Goes to the newest line and stays with it. */
export function toEnd() {
  stuck = true;
  changed();
}

scroller.addEventListener("scroll", () => {
  stuck = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
  button.hidden = stuck;
});
button.addEventListener("click", () => {
  toEnd();
  scroller.focus();
});
// The box below grows, keyboards come and go.
new ResizeObserver(changed).observe(scroller);
