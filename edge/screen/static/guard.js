// The guard's page: places the texts of each event, draws the curtain, sounds, and sends what the guard does.
"use strict";
const STALE_MS = 2200, IDLE_RELOAD_MS = 4 * 3600e3, MUTE_MS = 60e3;
const ACTS = [["admit", "人工放行", "Admit"], ["refuse", "不予放行", "Refuse"], ["measured", "录入体温", "Enter reading"], ["assist", "协助", "Assist"], ["walk_up", "无码登记放行", "No pass: note and admit"], ["clear_passback", "解除限制", "Clear the pass"], ["mask_seen", "已戴口罩", "Mask seen"], ["mask_absent", "未戴口罩", "No mask"], ["document_seen", "已看证件", "Document seen"], ["occupants", "车内人数", "People in vehicle"], ["symptoms", "申报不适", "Symptoms declared"]];
const OFFERED = { clear_passback: (lane) => lane.clearable, mask_seen: (lane) => lane.mask_asked, mask_absent: (lane) => lane.mask_asked, document_seen: (lane) => lane.document_asked, occupants: (lane) => lane.occupants_asked };
const GIVES_REASON = ["admit", "refuse", "walk_up", "clear_passback"];
const $ = (id) => document.getElementById(id);
const loadedAt = Date.now();
let page = null, build = "", lastBeat = Date.now(), lastTick = Date.now(), chosen = "", muteUntil = 0;
let act = "admit", why = "", judged = [], aimed = { id: "", passage: "", stands: "" };
const acknowledged = new Set();

// ---- placing texts: always as text, never as markup
function put(node, text) { if (node.textContent !== text) node.textContent = text; }
function both(root, name, words) { put(root.querySelector("." + name), words.zh); put(root.querySelector("." + name + "-en"), words.en); }
function icon(use, id) { if (use.getAttribute("href") !== id) use.setAttribute("href", id); }
function make(tag, text, lang) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (lang) node.lang = lang;
  return node;
}
function draw(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#" + name);
  svg.append(use);
  return svg;
}
// Made again only when its content changed; never more than 20 items.
function list(node, items, row) {
  const key = JSON.stringify(items);
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(...items.slice(0, 20).map(row));
}

// Tells the style how many Chinese characters wide a line is.
function fit(node) {
  let wide = 1;
  for (const sign of node.textContent) wide += sign < "\u2000" ? .58 : 1;
  node.style.setProperty("--n", Math.max(6, wide).toFixed(1));
}

function step(item) {
  const row = make("li", "");
  row.dataset.tick = item.state;
  const name = make("b", item.name.zh);
  name.append(make("i", item.name.en, "en"));
  row.append(draw("t-" + item.state), name, make("span", item.word.zh));
  return row;
}

function showLane(node, lane) {
  node.dataset.state = lane.state;
  const many = page.lanes.length > 1;
  node.classList.toggle("chosen", many && lane.id === chosen);
  const waited = lane.since_s !== null && lane.state !== "wait" && lane.state !== "allow" ? " · " + Math.floor(lane.since_s / 60) + ":" + String(lane.since_s % 60).padStart(2, "0") : "";
  put(node.querySelector(".title"), lane.title.zh + " " + lane.title.en + waited);
  put(node.querySelector(".holder"), lane.holder.zh);
  node.querySelector(".local").hidden = !(page.local && (lane.state === "allow" || lane.state === "deny"));
  icon(node.querySelector(".icon use"), "#i-" + lane.state);
  both(node, "word", lane.word);
  both(node, "reason", lane.reason);
  both(node, "todo", lane.todo);
  put(node.querySelector(".phone"), lane.state === "escalate" || lane.state === "deny" ? page.call.zh + " " + page.phone : "");
  for (const name of ["reason", "todo", "phone"]) fit(node.querySelector("." + name));
  list(node.querySelector(".notes"), lane.notes, (note) => make("li", note.zh + " " + note.en));
  list(node.querySelector(".steps"), lane.steps, step);
  // The place code is for whoever has nothing to show; it goes as soon as somebody is being checked.
  const register = node.querySelector(".register"), code = page.place_code;
  register.hidden = !code || lane.state !== "wait" || lane.steps.some((item) => item.state !== "waiting" && item.state !== "off");
  if (code) {
    register.querySelector("svg").setAttribute("viewBox", "-4 -4 " + code.side + " " + code.side);
    register.querySelector("path").setAttribute("d", code.path);
  }
  const reading = node.querySelector(".reading");
  reading.hidden = !lane.reading;
  if (lane.reading) {
    put(reading.querySelector("b"), lane.reading.object_c);
    const ambient = lane.reading.ambient_c ? " · 环境 " + lane.reading.ambient_c + " °C" : "";
    put(reading.querySelector(".site"), lane.reading.site.zh + " " + lane.reading.site.en + ambient);
  }
  node.querySelector(".why").hidden = !lane.passage;
  both(node, "prompt", lane.prompt);
  icon(node.querySelector(".resident use"), "#p-" + lane.pictogram);
}

// A cell of the footer: two lines, coloured only when something is not normal.
function cell(id, first, second, bad) {
  put($(id).querySelector("b"), first);
  put($(id).querySelector("i"), second);
  $(id).classList.toggle("bad", bad);
}

function show() {
  const root = $("lanes");
  const ids = page.lanes.map((lane) => lane.id);
  if (root.dataset.ids !== ids.join()) {
    root.dataset.ids = ids.join();
    root.replaceChildren(...ids.map(() => $("lane").content.firstElementChild.cloneNode(true)));
    if (!ids.includes(chosen)) chosen = ids[0];
  }
  page.lanes.forEach((lane, at) => showLane(root.children[at], lane));
  cell("gate", page.name.zh + " " + page.name.en, page.attendance.zh + " · " + page.gate + " · " + page.grid.split("/").slice(-2).join("/"), false);
  cell("clock", page.clock.text.zh, page.date, page.clock.bad);
  cell("link", page.link.text.zh, page.link.text.en, page.link.bad);
  cell("policy", page.policy.text.zh, page.policy.text.en, page.policy.bad);
  list($("faults"), page.faults, (fault) => make("li", fault.zh + " " + fault.en));
  // A new verdict is never covered by the reasons of an older one.
  if (!$("because").hidden && passages().some((one) => !judged.includes(one))) closeSheets();
  document.body.classList.toggle("drill", Boolean(page.drill));
  $("drill").hidden = !page.drill;
  if (page.drill) put($("drill").querySelector("p"), page.drill.zh + " · " + page.drill.en);
  for (const mark of root.querySelectorAll(".watermark")) mark.hidden = !page.drill;
  $("k6").disabled = !page.acts;
  $("alarm").hidden = page.recording;
  put($("alarm"), page.recording ? "" : "未记录 — 自动放行已停 · NOT RECORDED: nothing opens by itself");
  $("k1").disabled = $("k2").disabled = !page.acts;
  $("k1").title = $("k2").title = page.acts ? "" : "未设置值守口令 no guard PIN configured";
}

// ---- the stream and the curtain
function beat(event) {
  const data = JSON.parse(event.data);
  if (build && data.page.build !== build) return location.reload();
  build = data.page.build;
  const before = page;
  page = data.page;
  show();
  sound(before);
  lastBeat = Date.now(); // only now: a page that fails to show an event goes stale
  put($("last"), "最后更新 Last update " + page.date + " " + page.clock.text.zh);
  const body = document.body.classList;
  const second = body.contains("beat-a");
  body.toggle("beat-a", !second);
  body.toggle("beat-b", second);
  body.remove("stale");
}

// A timer that was suspended (a sleeping machine) must not show an old verdict as if it were new.
function watch() {
  const now = Date.now();
  const slept = now - lastTick > STALE_MS || now < lastTick;
  if (now - lastBeat > STALE_MS || slept) document.body.classList.add("stale");
  if (slept) lastBeat = now - STALE_MS - 1;
  lastTick = now;
  if (document.body.classList.contains("stale")) closeSheets();
  repeat(now);
  const idle = page && page.lanes.every((lane) => lane.state === "wait") && $("sheet").hidden && $("call").hidden && $("because").hidden;
  if (idle && now - loadedAt > IDLE_RELOAD_MS && !document.body.classList.contains("stale")) location.reload();
}

// ---- sounds: told apart by rhythm, not by pitch alone. Each pair is [start, length] in seconds.
const RHYTHM = { allow: [[0, .12]], deny: [[0, .55], [.75, .55]], escalate: [[0, .16], [.26, .16], [.52, .16]], fault: [[0, .9]], curtain: [[0, .3], [.4, .3]] };
const PITCH = { allow: 1046, deny: 262, escalate: 740, fault: 196, curtain: 523 };
let audio = null, soundedAt = 0;
function wake() { audio = audio || new AudioContext(); if (audio.state === "suspended") audio.resume().catch(() => {}); }
function play(name) {
  soundedAt = Date.now();
  if (!audio || audio.state !== "running" || soundedAt < muteUntil) return;
  for (const [start, length] of RHYTHM[name]) {
    const tone = audio.createOscillator(), loud = audio.createGain();
    tone.frequency.value = PITCH[name];
    const from = audio.currentTime + start + .02;
    loud.gain.setValueAtTime(0, from);
    loud.gain.linearRampToValueAtTime(.35, from + .015);
    loud.gain.setValueAtTime(.35, from + length - .02);
    loud.gain.linearRampToValueAtTime(0, from + length);
    tone.connect(loud).connect(audio.destination);
    tone.start(from);
    tone.stop(from + length + .02);
  }
}
const caseOf = (lane) => lane.id + "/" + lane.passage;
function sound(before) {
  const was = new Map((before ? before.lanes : []).map((lane) => [lane.id, lane]));
  for (const lane of page.lanes) {
    const old = was.get(lane.id);
    if (lane.state !== "escalate") acknowledged.delete(caseOf(lane));
    if (lane.state !== "wait" && old && (old.state !== lane.state || old.passage !== lane.passage)) {
      if (lane.state !== "fault") chosen = lane.id;
      play(lane.state);
    }
  }
}
function repeat(now) {
  if (!audio || audio.state !== "running") cell("sound", "声音未开", "touch to allow", true);
  else cell("sound", "静音", now < muteUntil ? Math.ceil((muteUntil - now) / 1000) + " s" : "Mute 60 s", false);
  $("k4").setAttribute("aria-pressed", String(now < muteUntil));
  if (now - soundedAt < 3500) return;
  if (document.body.classList.contains("stale")) play("curtain");
  else if (page && page.lanes.some((lane) => lane.state === "escalate" && !acknowledged.has(caseOf(lane)))) play("escalate");
}

// ---- what the guard does
function laneNow() { return page && page.lanes.find((lane) => lane.id === chosen); }
// The lane that the open sheet is about, whatever has happened at others since.
function laneAimed() { return page.lanes.find((lane) => lane.id === aimed.id) || laneNow(); }
function closeSheets() { $("sheet").hidden = $("call").hidden = $("because").hidden = true; $("pin").value = $("form").elements.number.value = ""; $("lanes").inert = false; }
function choices(node, items, picked, pick) {
  node.replaceChildren(...items.map(([code, zh, en]) => {
    const button = make("button", zh);
    button.type = "button";
    button.append(make("i", en, "en"));
    button.setAttribute("aria-pressed", String(code === picked));
    button.onclick = () => pick(code);
    return button;
  }));
}
function fillSheet() {
  const ending = act === "drill_stop", byHand = act !== "acknowledge" && !ending;
  const lane = laneAimed();
  const who = " · " + lane.title.zh + (lane.holder.zh ? " · " + lane.holder.zh : "");
  put($("sheet-title"), ending ? "结束演练 End the drill" : (byHand ? "人工处理 By hand" : "确认收到 Acknowledge") + who);
  $("acts").hidden = !byHand;
  choices($("acts"), ACTS.filter(([code]) => !OFFERED[code] || OFFERED[code](lane)), act, (code) => { act = code; why = ""; fillSheet(); });
  $("celsius").hidden = act !== "measured";
  $("came").hidden = act !== "walk_up";
  $("read").hidden = act !== "document_seen";
  $("riders").hidden = act !== "occupants";
  const reasons = GIVES_REASON.includes(act) ? page.overrides : [];
  $("reasons").hidden = !reasons.length;
  choices($("reasons"), reasons.map((r) => [r.code, r.words.zh, r.words.en]), why, (code) => { why = code; fillSheet(); $("pin").focus(); });
}
function openSheet(first) {
  if (!page || !page.acts || !laneNow() || document.body.classList.contains("stale")) return;
  closeSheets();
  act = first;
  why = "";
  aimed = { id: laneNow().id, passage: laneNow().passage, stands: laneNow().stands };
  $("form").reset();
  put($("refused"), "");
  fillSheet();
  $("sheet").hidden = false;
  $("lanes").inert = true;
  if (first !== "admit") $("pin").focus(); else $("acts").firstElementChild.focus();
}
function openCall() {
  if (!page) return;
  closeSheets();
  put($("call-role"), page.call.zh + " " + page.call.en);
  put($("call-phone"), page.phone);
  put($("place"), page.name.zh + " · " + page.gate + " · " + page.grid);
  $("call").hidden = false;
}

// ---- why: the record of the verdict on this lane, as tables
const passages = () => page.lanes.map((lane) => lane.passage).filter(Boolean);
function cells(words, tag) {
  const node = make(tag, words.zh);
  if (words.en !== words.zh) node.append(make("i", words.en, "en"));
  return node;
}
function rowOf(row, tag) {
  const node = make("tr", "");
  node.append(...row.map((words) => cells(words, tag)));
  return node;
}
function sheetTable(sheet) {
  const table = document.createElement("table");
  table.className = sheet.name;
  table.append(cells(sheet.title, "caption"), ...(sheet.heads.length ? [rowOf(sheet.heads, "th")] : []), ...sheet.rows.map((row) => rowOf(row, "td")));
  return table;
}
async function openWhy() {
  const lane = laneNow();
  if (!page || !lane || !lane.passage || document.body.classList.contains("stale")) return;
  closeSheets();
  judged = passages();
  $("because-what").replaceChildren(make("b", "…"));
  $("because-tables").replaceChildren();
  $("because").hidden = false;
  try {
    const said = await (await fetch("/why?lane=" + encodeURIComponent(lane.id))).json();
    // Somebody else may stand there by now.
    if (said.ok && said.passage !== lane.passage) return closeSheets();
    $("because-what").replaceChildren(cells(said.ok ? said.shown.headline : said, "b"));
    if (said.ok) $("because-tables").replaceChildren(...said.shown.sheets.map(sheetTable));
  } catch { $("because-what").replaceChildren(cells({ zh: "未取得", en: "could not be fetched" }, "b")); }
}
function mute() { muteUntil = Date.now() < muteUntil ? 0 : Date.now() + MUTE_MS; }
async function send(event) {
  event.preventDefault();
  const lane = laneAimed(), same = lane.passage === aimed.passage;
  // A verdict that came or went since is of whoever stood there then, or of somebody else: the gate knows by `stands`.
  const form = { act, lane: lane.id, passage: same ? aimed.passage : "", stands: aimed.stands, reason: why, pin: $("pin").value };
  if (aimed.passage && lane.passage && aimed.passage !== lane.passage) return put($("refused"), "已是另一人，请关闭后重看 somebody else by now: close and look again");
  if (!$("reasons").hidden && !why) return put($("refused"), "请选择原因 choose a reason");
  if (act === "measured") {
    form.object_c = $("form").elements.object_c.valueAsNumber;
    if (!(form.object_c >= 30)) return put($("refused"), "请输入 30 至 43 °C enter 30 to 43 °C");
  }
  if (act === "walk_up") for (const name of ["plate", "visited"]) form[name] = $("form").elements[name].value;
  if (act === "occupants") {
    form.count = $("form").elements.count.valueAsNumber;
    if (!(form.count >= 1 && form.count <= 60)) return put($("refused"), "请输入 1 至 60 人 enter 1 to 60 people");
  }
  if (act === "document_seen") form.number = $("form").elements.number.value;
  $("pin").value = "";
  put($("refused"), "…");
  try {
    const answer = await fetch("/act", { method: "POST", headers: { "Content-Type": "application/json", "X-Guankou-Act": "1" }, body: JSON.stringify(form) });
    const said = await answer.json();
    if (!said.ok) return put($("refused"), said.zh + " " + said.en);
    acknowledged.add(caseOf(aimed));
    closeSheets();
  } catch { put($("refused"), "未送达 not delivered"); }
}

// ---- keys
function key(event) {
  wake();
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "Escape") return closeSheets();
  if (typing || !$("sheet").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  const keys = { 1: () => openSheet("acknowledge"), 2: () => openSheet("admit"), 3: () => ($("call").hidden ? openCall() : closeSheets()), 4: mute, 6: () => page && page.drill && openSheet("drill_stop"), 5: () => ($("because").hidden ? openWhy() : closeSheets()), ArrowLeft: () => choose(-1), ArrowRight: () => choose(1) };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
}
function choose(by) {
  if (!page) return;
  const ids = page.lanes.map((lane) => lane.id);
  chosen = ids[(ids.indexOf(chosen) + by + ids.length) % ids.length];
  show();
}
$("k1").onclick = () => openSheet("acknowledge");
$("k2").onclick = () => openSheet("admit");
$("k3").onclick = openCall;
$("k4").onclick = mute;
$("k6").onclick = () => openSheet("drill_stop");
$("lanes").onclick = (event) => {
  const at = [...$("lanes").children].findIndex((node) => node.contains(event.target));
  if (at >= 0) { chosen = page.lanes[at].id; show(); }
  if (at >= 0 && event.target.closest(".why")) openWhy();
};
for (const digit of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "⌫", "0"]) {
  const button = make("button", digit);
  button.type = "button";
  button.onclick = () => { $("pin").value = digit === "⌫" ? $("pin").value.slice(0, -1) : $("pin").value + digit; };
  $("pad").append(button);
}
for (const button of document.querySelectorAll("[data-close]")) button.onclick = closeSheets;
$("form").onsubmit = send;
addEventListener("keydown", key);
addEventListener("pointerdown", wake);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
wake();
setInterval(watch, 250);
new EventSource("/events").onmessage = beat;
