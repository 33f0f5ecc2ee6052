// A persona's look: a pebble of its own colour and shape, with its initials. Follows from id and name, so that new personas have one too.

/** A persona's avatar. It is decoration: the name stands beside it. */
export function avatar(persona) {
  const element = document.createElement("span");
  element.className = "avatar";
  element.setAttribute("aria-hidden", "true");
  element.textContent = initials(persona.name);
  element.style.setProperty("--hue", hue(persona.id));
  element.style.borderRadius = pebble(persona.id);
  return element;
}

/** The colour that a persona's room is lit in, in degrees. */
export function hue(id) {
  // Thirty-six steps, so that two colours are the same or visibly different.
  return (hash(id) % 36) * 10;
}

function initials(name) {
  const parts = name.trim().split(/\s+/);
  const letters = parts.length > 1 ? parts.slice(0, 2).map((part) => Array.from(part)[0]) : Array.from(name.trim()).slice(0, 2);
  return letters.join("");
}

// The radii of opposite corners add up to the side's length, which keeps the outline smooth.
function pebble(id) {
  const bits = hash(`${id}'s shape`);
  const [a, b, c, d] = [0, 8, 16, 24].map((shift) => 38 + ((bits >>> shift) % 25));
  return `${a}% ${100 - a}% ${b}% ${100 - b}% / ${c}% ${d}% ${100 - d}% ${100 - c}%`;
}

// FNV-1a with a last stir. The start was searched for, so that the ten personas that come along are at least thirty degrees apart.
function hash(text) {
  let hash = (0x811c9dc5 ^ 126177) >>> 0;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
