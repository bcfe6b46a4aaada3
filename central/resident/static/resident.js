// The resident's page: shows a code that is fresh, online or not, and never one that is over.
import { $, Unreachable, ask, draw, put, say, show } from "./api.js";
import { deviceCode, fromHex, newDeviceKey, stepAt, stepCode, stepKey, stepLeft, weekAt } from "./codes.js";
import { placeGuests, startForms, when } from "./forms.js";
import { forget, keepOffline, note, offlineOf, passes, putFirst, relabel } from "./keep.js";
import { encode } from "./qr.js";

// Not all phones at once, and well before the five minutes of a minted code are over.
const RENEW_MS = 130000, RENEW_MORE_MS = 60000;
// A code is put away before it ends, so that nobody walks to the gate with its last second.
const SPARE_MS = 15000;
const PENDING_MS = 15000;
const LONGEST_WAIT_MS = 60000;
const ARRIVAL_MS = 600000;
const CLASSES = { resident: ["● 住户", "Resident"], visitor: ["◇ 访客", "Visitor"], vehicle: ["▭ 车辆", "Vehicle"], worker: ["▲ 工作人员", "Worker"], courier: ["▶ 配送", "Courier"], emergency: ["✚ 急救应急", "Emergency"] };
const STATES = {
  pending: ["登记已收到，等待社区确认", "Registered. The community has yet to confirm it", "此页会自动更新", "This page renews itself."],
  refused: ["登记未通过", "The registration was refused", "请联系社区或值守人员", "Ask your community or the guard."],
  revoked: ["此通行码已停用", "This pass is no longer in use", "请联系社区或值守人员", "Ask your community or the guard."],
  suspended: ["此通行码已暂停使用", "This pass is suspended", "需要出门就医等，请联系社区或值守人员", "To see a doctor or the like, ask your community or the guard."],
  expired: ["此通行码已过期", "This pass has expired", "请联系社区续期", "Ask your community for a new one."],
  not_yet: ["此通行码尚未生效", "This pass is not valid yet", "到时此页会自动显示", "It shows here when its time comes."],
  unknown: ["此链接无效", "This link is not valid", "请向社区索取新链接", "Ask your community for a new link."],
};
const MODES = {
  online: ["联网动态码，自动更新", "Online code, renews itself"],
  step: ["离线动态码，每 30 秒更新", "Offline code, changes every 30 s"],
  device: ["离线码，由此手机签名", "Offline code, signed by this phone"],
  none: ["没有网络，无法出示通行码。请找值守人员。", "No network and no code to show. Ask the guard."],
};
let now = { token: "" };
let timer = 0;

function clock() { return Date.now() + (now.offset || 0); }

// ---- which pass, and why this page was opened
function start() {
  const said = new URLSearchParams(location.hash.slice(1));
  // What the address said is known now; a picture of the screen or the history shall not hold it.
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (said.has("k")) putFirst(said.get("k"));
  if (said.has("g")) note("arrival", JSON.stringify({ gate: said.get("g"), nonce: said.get("n") || "", at: Date.now() }));
  const [first] = passes();
  say(null);
  if (first) open(first.token);
  else if (said.has("g") || said.has("s")) register({ gate: said.get("g") || "", site: said.get("s") || "" });
  else { stop(); show("welcome"); }
}
function arrival() {
  try {
    const kept = JSON.parse(note("arrival") || "null");
    return kept && Date.now() - kept.at < ARRIVAL_MS ? kept : null;
  } catch {
    return null;
  }
}
async function register(place) {
  stop();
  show("register");
  $("register-form").place = place;
  try {
    const { status, body } = await ask("place", place);
    put($("place"), body.zh, body.en);
    $("place").classList.toggle("bad", status !== 200);
    $("register-form").hidden = status !== 200;
  } catch {
    put($("place"), "没有网络，无法登记。请找值守人员。", "No network: you can't register. Ask the guard.");
  }
}
async function open(token) {
  stop();
  const mine = (now = { token, state: "", shown: "", wait: 0 });
  show("pass");
  for (const id of ["to-invite", "bind", "arriving"]) $(id).hidden = true;
  $("who").hidden = true;
  const row = await offlineOf(token);
  if (now !== mine) return;
  now.row = row;
  now.offset = row ? row.offset : 0;
  if (row) placeCard(row.card);
  tabs();
  renew();
  turn();
}
function stop() {
  clearTimeout(timer);
  now = { token: "" };
}
function tabs() {
  const list = passes();
  $("tabs").hidden = list.length < 2;
  $("tabs").replaceChildren(...list.map((one, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = one.label || `通行码 ${at + 1}`;
    button.setAttribute("aria-pressed", String(one.token === now.token));
    button.onclick = () => open(one.token);
    return button;
  }));
}

// ---- asking the collector
async function renew() {
  const mine = now;
  mine.due = Infinity;
  const came = arrival();
  try {
    const answer = await ask("show", { k: mine.token, ...(came && { gate: came.gate, nonce: came.nonce }) });
    if (mine !== now) return;
    $("link").className = "on";
    put($("link"), "在线", "online");
    mine.wait = 0;
    await take(answer, came);
  } catch (why) {
    if (!(why instanceof Unreachable)) reportError(why);
    if (mine !== now) return;
    $("link").className = "";
    put($("link"), "离线", "offline");
    mine.wait = Math.min(LONGEST_WAIT_MS, mine.wait * 2 || 5000);
    mine.due = Date.now() + mine.wait;
  }
  if (mine === now) turn();
}
async function take({ status, body }, came) {
  if (status === 429) {
    now.due = Date.now() + LONGEST_WAIT_MS;
    return;
  }
  // Only the collector's plain word ends a pass here; whatever else stands between is a lack of network.
  if (status !== 200 && status !== 404) throw new Unreachable(String(status));
  const state = status === 200 ? body.state : "unknown";
  if (now.state !== state) now.shown = "";
  now.state = state;
  now.why = body.why || "";
  now.due = Date.now() + (state === "pending" || state === "not_yet" ? PENDING_MS : RENEW_MS + Math.random() * RENEW_MORE_MS);
  if (body.card) placeCard(body.card);
  $("arriving").hidden = !(came && state === "valid");
  if (came) put($("arriving"), `到达码：请在关口 ${came.gate} 出示`, `Arrival code: show it at gate ${came.gate}`);
  $("to-invite").hidden = !body.may_invite;
  if ($("invited").hidden) placeGuests(body.expected || [], now.token, renew);
  if (state !== "valid") {
    now.live = now.row = null;
    await keepOffline(now.token, null);
    return;
  }
  now.offset = body.now_ms - Date.now();
  now.live = { code: body.code, until: body.until_s * 1000, from: body.now_ms };
  await keep(body);
}
async function keep({ offline, card }) {
  const mine = now;
  const row = { card, offset: mine.offset, weeks: {} };
  const able = Boolean(window.crypto && crypto.subtle && offline);
  if (able) {
    row.pass = offline.pass;
    row.passId = fromHex(offline.pass_id);
    for (const [week, hex] of offline.steps) row.weeks[week] = await stepKey(hex);
    // Another phone may have been bound since: then this one's key opens nothing.
    const held = mine.row && mine.row.device;
    row.bound = offline.bound;
    if (held && offline.bound && held.public === offline.device) row.device = held;
  }
  // Another tab was chosen meanwhile, or this pass was just taken off the phone.
  if (mine !== now) return;
  mine.row = row;
  $("bind").hidden = !able || Boolean(row.device);
  await keepOffline(mine.token, row);
}
async function bind() {
  const mine = now;
  if (!window.confirm("绑定后，另一部手机的绑定失效。\nBind? Another phone that was bound is cut off.")) return undefined;
  try {
    const device = await newDeviceKey();
    const { status, body } = await ask("device", { k: mine.token, key: device.public });
    if (status !== 200) return say(body, true);
    if (mine.row) mine.row.device = device;
    await keepOffline(mine.token, mine.row);
    say({ zh: "已绑定此手机。没有网络时由此手机签名出示。", en: "Bound. Without a network this phone signs your code itself." });
    await renew();
  } catch (why) {
    const old = !(why instanceof Unreachable);
    say(old ? { zh: "此浏览器不支持绑定；离线动态码照常可用。", en: "This browser can't be bound; the changing offline code still works." } : { zh: "没有网络，请稍后再绑定。", en: "No network: bind it later." }, true);
  }
  return undefined;
}

// ---- showing
function placeCard(card) {
  $("who").hidden = false;
  const [zh, en] = CLASSES[card.class] || [card.class, ""];
  $("class").dataset.class = card.class;
  put($("class"), zh, en);
  $("name").textContent = card.name;
  // Each part stays on one line where it can.
  $("unit").replaceChildren(...[card.place, card.unit, card.plate].filter(Boolean).map((text) => {
    const part = document.createElement("span");
    part.textContent = text;
    return part;
  }));
  $("until").hidden = !card.expires_s;
  put($("until"), `有效至 ${when(card.expires_s)}`, "valid until");
  relabel(now.token, [(CLASSES[card.class] || [""])[0], card.name].join(" "));
  tabs();
}
/** The freshest code that this phone can show now: {mode, key, text(), left ms, whole ms}. */
function best() {
  const ms = clock();
  const { live, row } = now;
  if (now.state && now.state !== "valid") return { mode: "state", key: now.state };
  if (live && ms < live.until - SPARE_MS && ms >= live.from - SPARE_MS) {
    return { mode: "online", key: live.code, text: () => live.code, left: live.until - SPARE_MS - ms, whole: live.until - SPARE_MS - live.from };
  }
  const step = stepAt(ms);
  const steps = { left: stepLeft(ms), whole: 30000 };
  if (row && row.pass && ms < row.card.expires_s * 1000) {
    if (row.device) return { mode: "device", key: "device" + step, text: () => deviceCode(row.bound, row.device.key, step), ...steps };
    const key = row.weeks[weekAt(ms)];
    if (key) return { mode: "step", key: "step" + step, text: () => stepCode(row.pass, row.passId, key, step), ...steps };
  }
  return { mode: now.due === Infinity && !now.wait ? "asking" : "none", key: "none" };
}
async function turn() {
  clearTimeout(timer);
  const mine = now;
  if (!mine.token) return;
  if (document.visibilityState === "visible" && Date.now() >= (mine.due ?? Infinity)) renew();
  const one = best();
  $("clock").textContent = new Date(clock()).toLocaleTimeString("zh-CN", { hour12: false });
  $("bar").hidden = !one.whole;
  if (one.whole) $("bar").firstElementChild.style.width = Math.round((100 * one.left) / one.whole) + "%";
  const shown = one.mode + one.key;
  if (mine.shown !== shown) {
    mine.shown = shown;
    await place(one, mine);
  }
  if (mine === now) timer = setTimeout(turn, 250);
}
async function place(one, mine) {
  let text = "";
  try {
    text = one.text ? await one.text() : "";
  } catch (why) {
    // A key that the browser can't use any more: the next way is tried at once.
    reportError(why);
    if (one.mode === "device") mine.row.device = null;
    else mine.row = null;
    mine.shown = "";
    return;
  }
  if (mine !== now) return;
  $("code").hidden = !text;
  $("none").hidden = Boolean(text);
  $("pass").dataset.mode = one.mode;
  $("mode").hidden = !MODES[one.mode] || !text;
  if (text) {
    draw($("code"), encode(text));
    put($("mode"), ...MODES[one.mode]);
    return;
  }
  const state = STATES[one.key];
  if (one.mode === "state") put($("none"), [state[0], now.why, state[2]].filter(Boolean).join("。") + "。", `${state[1]}. ${state[3]}`);
  else if (one.mode === "asking") put($("none"), "正在获取…", "One moment…");
  else put($("none"), ...MODES.none);
}

// ---- what the person does
$("bind").onclick = bind;
$("forget").onclick = async () => {
  const sure = "从此手机移除？需要链接才能再次打开。\nRemove? You need the link to open it again.";
  if (!window.confirm(sure)) return;
  await forget(now.token);
  start();
};
$("to-invite").onclick = () => { clearTimeout(timer); show("invite"); };
startForms({
  token: () => now.token,
  back: () => { show("pass"); now.shown = ""; renew(); },
  renew: () => renew(),
  applied: (token) => { putFirst(token); open(token); },
});
window.addEventListener("hashchange", () => { if (location.hash) start(); });
window.addEventListener("resize", () => { now.shown = ""; });
window.addEventListener("online", () => { if (now.token) now.due = 0; });
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  // Timers and clocks may have stood still: look again before anything else is shown.
  if (now.token && now.due !== Infinity) now.due = 0;
  awake();
});
async function awake() {
  try {
    if (navigator.wakeLock) await navigator.wakeLock.request("screen");
  } catch {
    // Low battery, or not allowed: the screen goes dark as always.
  }
}
if (navigator.serviceWorker) navigator.serviceWorker.register("/sw.js").catch(() => {});
awake();
start();
