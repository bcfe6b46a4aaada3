// Asks the collector. A token goes in the body only, never in an address.
const LIMIT_MS = 8000;

/** The network or the collector is not there: offline codes have to do. */
export class Unreachable extends Error {}

/** {status, body}: what the collector says. Throws Unreachable. */
export async function ask(path, form) {
  let answer;
  try {
    answer = await fetch("/api/" + path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-guankou-act": "1" },
      body: JSON.stringify(form),
      signal: AbortSignal.timeout ? AbortSignal.timeout(LIMIT_MS) : undefined,
      credentials: "omit",
    });
    if (answer.status >= 500) throw new Unreachable(String(answer.status));
    return { status: answer.status, body: await answer.json() };
  } catch (why) {
    throw why instanceof Unreachable ? why : new Unreachable(String(why));
  }
}

// ---- placing texts: always as text, never as markup
export const $ = (id) => document.getElementById(id);
export function put(node, zh, en) {
  const second = document.createElement("i");
  second.lang = "en";
  second.textContent = en;
  node.replaceChildren(zh, " ", second);
}
export function say(words, bad) {
  const node = $("say");
  node.hidden = !words;
  node.classList.toggle("bad", Boolean(bad));
  if (words) put(node, words.zh, words.en);
}
export function show(id) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
  window.scrollTo(0, 0);
}

/** Draws a code as large as its box allows, in whole pixels of the screen, with its quiet zone of four modules. */
export function draw(canvas, code) {
  const box = canvas.parentElement.clientWidth * (window.devicePixelRatio || 1);
  const wide = code.size + 8;
  const module = Math.max(2, Math.floor(box / wide));
  canvas.width = canvas.height = wide * module;
  canvas.style.width = canvas.style.height = canvas.width / (window.devicePixelRatio || 1) + "px";
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#FFF";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  code.modules.forEach((row, r) => row.forEach((dark, c) => {
    if (dark) pen.fillRect((c + 4) * module, (r + 4) * module, module, module);
  }));
}
