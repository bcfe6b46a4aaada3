// The two codes that a phone makes by itself, offline: with a time step's tag, or signed by its own key.
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const STEP_MS = 30000;
const STEPS_A_WEEK = 20160;

export const hexOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));

/** RFC 9285. */
export function base45(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let value = pair ? bytes[at] * 256 + bytes[at + 1] : bytes[at];
    for (let left = pair ? 3 : 2; left > 0; left--) {
      text += ALPHABET[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return text;
}

/** Bytes of base45 text. Throws on anything else. */
export function fromBase45(text) {
  const bytes = [];
  for (let at = 0; at < text.length; at += 3) {
    const digits = [...text.slice(at, at + 3)].map((one) => ALPHABET.indexOf(one));
    const value = digits.reduceRight((sum, digit) => sum * 45 + digit, 0);
    if (digits.length === 1 || digits.includes(-1) || value > (digits.length === 3 ? 0xffff : 0xff)) throw new RangeError("not base45");
    if (digits.length === 3) bytes.push(value >> 8);
    bytes.push(value & 255);
  }
  return Uint8Array.from(bytes);
}

export const stepAt = (ms) => Math.floor(ms / STEP_MS);
export const weekAt = (ms) => Math.floor(stepAt(ms) / STEPS_A_WEEK);
/** How much of the current step is left, ms. */
export const stepLeft = (ms) => STEP_MS - (ms % STEP_MS);

/** GK1T: the pass and an HMAC tag of the step. `key`: the CryptoKey of this pass and week. */
export async function stepCode(pass, passId, key, step) {
  const tag = await crypto.subtle.sign("HMAC", key, joined(passId, eightBytes(step)));
  return "GK1T:" + base45(triple(bytesOf(pass), step, new Uint8Array(tag).slice(0, 8)));
}

/** GK1K: the pass and the phone's own signature over it and the step. */
export async function deviceCode(pass, key, step) {
  const bytes = bytesOf(pass);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const said = joined(new TextEncoder().encode("guankou device 1"), new Uint8Array(digest), eightBytes(step));
  return "GK1K:" + base45(triple(bytes, step, new Uint8Array(await crypto.subtle.sign("Ed25519", key, said))));
}

/** The phone's copy can use the key and can not give it away. */
export const stepKey = (hex) => crypto.subtle.importKey("raw", fromHex(hex), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
export async function newDeviceKey() {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  return { key: pair.privateKey, public: hexOf(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))) };
}

const bytesOf = (pass) => fromBase45(pass.slice("GK1:".length));
// Deterministic CBOR of [bytes, unsigned, bytes] (RFC 8949, 4.2.1).
const triple = (first, number, last) => joined([0x83], head(2, first.length), first, head(0, number), head(2, last.length), last);
function head(major, value) {
  const lead = major << 5;
  if (value < 24) return [lead | value];
  if (value < 0x100) return [lead | 24, value];
  if (value < 0x10000) return [lead | 25, value >> 8, value & 255];
  return [lead | 26, ...eightBytes(value).slice(4)];
}
function eightBytes(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
function joined(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { out.set(part, at); at += part.length; }
  return out;
}
