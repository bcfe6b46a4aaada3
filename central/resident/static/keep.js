// What the phone keeps: tokens in localStorage; what an offline code needs in IndexedDB, its keys not readable.
const TOKENS = "guankou.tokens";
const MOST = 8;

/** [{token, label}], the one that is shown first. */
export function passes() {
  try {
    const list = JSON.parse(localStorage.getItem(TOKENS) || "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one.token === "string") : [];
  } catch {
    return [];
  }
}
/** Puts a pass in front, new or known. */
export function putFirst(token, label) {
  const others = passes().filter((one) => one.token !== token);
  const known = passes().find((one) => one.token === token);
  save([{ token, label: label || (known && known.label) || "" }, ...others].slice(0, MOST));
}
export function relabel(token, label) {
  save(passes().map((one) => (one.token === token ? { token, label } : one)));
}
export async function forget(token) {
  save(passes().filter((one) => one.token !== token));
  await keepOffline(token, null);
}
function save(list) { localStorage.setItem(TOKENS, JSON.stringify(list)); }

export function note(name, value) {
  if (value === undefined) return localStorage.getItem("guankou." + name);
  if (value === null) localStorage.removeItem("guankou." + name);
  else localStorage.setItem("guankou." + name, value);
  return value;
}

// ---- IndexedDB, one row a token. Where there is none (some private windows) the phone has nothing offline.
function database() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("guankou", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("offline");
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}
async function inStore(mode, act) {
  const base = await database();
  try {
    return await new Promise((resolve, reject) => {
      const change = base.transaction("offline", mode);
      const asked = act(change.objectStore("offline"));
      change.oncomplete = () => resolve(asked.result);
      change.onerror = change.onabort = () => reject(change.error);
    });
  } finally {
    base.close();
  }
}
export async function offlineOf(token) {
  try {
    return (await inStore("readonly", (store) => store.get(token))) || null;
  } catch {
    return null;
  }
}
/** `row` null takes it away. Says whether it was kept. */
export async function keepOffline(token, row) {
  try {
    await inStore("readwrite", (store) => (row ? store.put(row, token) : store.delete(token)));
    return true;
  } catch {
    return false;
  }
}
