// QR codes (ISO/IEC 18004), versions 1 to 14, error correction L and M, alphanumeric or byte mode.
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const LAST_VERSION = 14;
// Table 9: check codewords per block, and blocks, of versions 1 to 14.
const CHECKS = { L: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30], M: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24] };
const BLOCKS = { L: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4], M: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9] };
const LEVEL_BITS = { L: 1, M: 0 };
// Annex E: centres of alignment patterns after the first, which is always 6.
const ALIGNMENT = [[], [18], [22], [26], [30], [34], [22, 38], [24, 42], [26, 46], [28, 50], [30, 54], [32, 58], [34, 62], [26, 46, 66]];
const MASKS = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (r, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => ((r >> 1) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

/** {size, version, level, mask, modules: rows of 0 and 1}. Without a level: M up to version 10, else L. Throws when it is too long. */
export function encode(text, level) {
  const frames = level ? [[level, LAST_VERSION]] : [["M", 10], ["L", LAST_VERSION]];
  for (const [wanted, last] of frames) {
    for (let version = 1; version <= last; version++) {
      const frame = blank(version);
      const room = Math.floor(frame.free / 8) - CHECKS[wanted][version - 1] * BLOCKS[wanted][version - 1];
      const bits = bitsOf(text, version);
      if (bits.length <= room * 8) return finish(frame, wanted, interleave(padded(bits, room), wanted, version));
    }
  }
  throw new RangeError(`${text.length} characters do not fit into a code of version ${LAST_VERSION}`);
}

// ---- text to bits (clause 7.4)
function bitsOf(text, version) {
  const bits = [];
  const put = (value, count) => { for (let at = count - 1; at >= 0; at--) bits.push((value >> at) & 1); };
  if ([...text].every((one) => ALPHABET.includes(one))) {
    put(2, 4);
    put(text.length, version < 10 ? 9 : 11);
    for (let at = 0; at < text.length; at += 2) {
      const first = ALPHABET.indexOf(text[at]);
      if (at + 1 < text.length) put(first * 45 + ALPHABET.indexOf(text[at + 1]), 11);
      else put(first, 6);
    }
    return bits;
  }
  const bytes = new TextEncoder().encode(text);
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  bytes.forEach((byte) => put(byte, 8));
  return bits;
}
function padded(bits, room) {
  const bytes = [];
  // The terminator is cut where there is no room for it; what is missing from the last byte is zero too.
  for (let at = 0; at < Math.min(Math.ceil((bits.length + 4) / 8), room); at++) {
    bytes.push(parseInt(bits.slice(at * 8, at * 8 + 8).join("").padEnd(8, "0"), 2));
  }
  for (let pad = 0xec; bytes.length < room; pad ^= 0xfd) bytes.push(pad);
  return bytes;
}

// ---- check codewords (clause 7.5): Reed-Solomon over GF(256), polynomial 0x11d
const EXP = [], LOG = [];
for (let at = 0, value = 1; at < 255; at++) {
  EXP[at] = value;
  LOG[value] = at;
  value = (value << 1) ^ (value & 128 ? 0x11d : 0);
}
const times = (a, b) => (a && b ? EXP[(LOG[a] + LOG[b]) % 255] : 0);
function checkwords(data, count) {
  let divisor = [1];
  for (let at = 0; at < count; at++) {
    divisor = [...divisor, 0].map((value, place) => value ^ times(place ? divisor[place - 1] : 0, EXP[at]));
  }
  const rest = [...data, ...new Array(count).fill(0)];
  for (let at = 0; at < data.length; at++) {
    const lead = rest[at];
    divisor.forEach((value, place) => { rest[at + place] ^= times(value, lead); });
  }
  return rest.slice(data.length);
}
function interleave(data, level, version) {
  const count = BLOCKS[level][version - 1];
  const short = Math.floor(data.length / count), longer = data.length % count;
  const parts = [], checks = [];
  for (let block = 0, at = 0; block < count; block++) {
    const part = data.slice(at, (at += short + (block >= count - longer ? 1 : 0)));
    parts.push(part);
    checks.push(checkwords(part, CHECKS[level][version - 1]));
  }
  return [...columns(parts), ...columns(checks)];
}
function columns(rows) {
  const out = [];
  for (let at = 0; at < Math.max(...rows.map((row) => row.length)); at++) {
    for (const row of rows) if (at < row.length) out.push(row[at]);
  }
  return out;
}

// ---- the fixed patterns (clause 6.3). `fixed` marks what holds no data.
function blank(version) {
  const size = 17 + 4 * version;
  const modules = Array.from({ length: size }, () => new Array(size).fill(0));
  const fixed = Array.from({ length: size }, () => new Array(size).fill(false));
  const set = (row, column, dark) => {
    if (row < 0 || column < 0 || row >= size || column >= size) return;
    modules[row][column] = dark ? 1 : 0;
    fixed[row][column] = true;
  };
  for (let at = 0; at < size; at++) { set(6, at, at % 2 === 0); set(at, 6, at % 2 === 0); }
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]]) {
    rings(4, (r, c, ring) => set(row + r, column + c, ring !== 2 && ring !== 4));
  }
  const centres = version === 1 ? [] : [6, ...ALIGNMENT[version - 1]];
  for (const row of centres) for (const column of centres) {
    const corner = (row === 6 && column === 6) || (row === 6 && column === size - 7) || (row === size - 7 && column === 6);
    if (!corner) rings(2, (r, c, ring) => set(row + r, column + c, ring !== 1));
  }
  const frame = { size, version, modules, fixed, set, free: 0 };
  putFormat(frame, 0);
  if (version >= 7) putVersion(frame);
  frame.free = fixed.flat().filter((taken) => !taken).length;
  return frame;
}
function rings(radius, draw) {
  for (let r = -radius; r <= radius; r++) for (let c = -radius; c <= radius; c++) draw(r, c, Math.max(Math.abs(r), Math.abs(c)));
}
function bch(value, extra, polynomial) {
  let rest = value << extra;
  for (let bit = 31 - Math.clz32(polynomial); rest >> bit; ) rest ^= polynomial << (31 - Math.clz32(rest) - bit);
  return (value << extra) | rest;
}
// Clause 7.9: fifteen bits, twice, and the dark module.
function putFormat({ size, set }, data) {
  const bits = bch(data, 10, 0x537) ^ 0x5412;
  for (let at = 0; at < 15; at++) {
    const dark = (bits >> at) & 1;
    if (at < 8) set(at < 6 ? at : at + 1, 8, dark);
    else set(8, at === 8 ? 7 : 14 - at, dark);
    if (at < 8) set(8, size - 1 - at, dark);
    else set(size - 15 + at, 8, dark);
  }
  set(size - 8, 8, 1);
}
// Clause 7.10
function putVersion({ size, set, version }) {
  const bits = bch(version, 12, 0x1f25);
  for (let at = 0; at < 18; at++) {
    const dark = (bits >> at) & 1, far = size - 11 + (at % 3), near = Math.floor(at / 3);
    set(far, near, dark);
    set(near, far, dark);
  }
}

// ---- data and mask (clauses 7.7, 7.8)
function finish(frame, level, bytes) {
  place(frame, bytes);
  let best = null;
  MASKS.forEach((mask, number) => {
    putFormat(frame, (LEVEL_BITS[level] << 3) | number);
    const modules = frame.modules.map((row, r) => row.map((dark, c) => (!frame.fixed[r][c] && mask(r, c) ? 1 - dark : dark)));
    const score = penalty(modules);
    if (!best || score < best.score) best = { modules, score, mask: number };
  });
  return { size: frame.size, version: frame.version, level, mask: best.mask, modules: best.modules };
}
function place({ size, modules, fixed }, bytes) {
  let bit = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const row = up ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (fixed[row][column]) continue;
        modules[row][column] = bit >> 3 < bytes.length ? (bytes[bit >> 3] >> (7 - (bit & 7))) & 1 : 0;
        bit++;
      }
    }
  }
}
function penalty(modules) {
  const size = modules.length;
  const turned = modules.map((_, column) => modules.map((row) => row[column]));
  let score = 0;
  for (const line of [...modules, ...turned]) {
    const text = line.join("");
    for (const run of text.match(/0{5,}|1{5,}/g) || []) score += run.length - 2;
    for (let at = 0; at <= size - 11; at++) {
      const piece = text.slice(at, at + 11);
      if (piece === "10111010000" || piece === "00001011101") score += 40;
    }
  }
  for (let r = 1; r < size; r++) for (let c = 1; c < size; c++) {
    const sum = modules[r][c] + modules[r - 1][c] + modules[r][c - 1] + modules[r - 1][c - 1];
    if (sum % 4 === 0) score += 3;
  }
  const dark = modules.flat().reduce((sum, one) => sum + one, 0) / (size * size);
  return score + 10 * Math.floor(Math.abs(dark * 100 - 50) / 5);
}
