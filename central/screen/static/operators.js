// The operators' page: places the texts of each event, and says when there are none.
"use strict";
const STALE_MS = 12000;
const VERDICTS = [["allow", "放行", "Allow"], ["deny", "禁止", "Deny"], ["escalate", "上报", "Escalate"]];
const OUTCOMES = [["passed", "已通过", "Passed"], ["unconfirmed", "未确认", "Unconfirmed"], ["by_guard", "人工放行", "By guard"], ["turned", "折返/拒绝", "Turned back"], ["left", "离开", "Left"], ["out", "出门", "Way out"]];
const MOODS = { good: ["在线", "online"], faulty: ["故障", "faults"], offline: ["离线", "offline"], revoked: ["已注销", "revoked"] };
const $ = (id) => document.getElementById(id);
let source = null, build = "", lastBeat = Date.now(), page = null;

// ---- placing texts: always as text, never as markup
function make(tag, text, name) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (name) node.className = name;
  return node;
}
function both(tag, words, name) {
  const node = make(tag, words.zh, name);
  const second = make("i", words.en);
  second.lang = "en";
  node.append(" ", second);
  return node;
}
function fill(node, items, row) {
  const key = JSON.stringify(items);
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(...items.map(row));
}
function number(value) { return value.toLocaleString("en-US"); }

// ---- alarms
function alarm(one) {
  const row = make("li", "");
  row.dataset.p = one.priority;
  row.classList.toggle("drill", one.drill);
  const detail = make("span", one.detail, "detail");
  detail.title = one.detail;
  for (const words of one.marks) detail.prepend(both("span", words, "mark"));
  const name = both("span", one.name, "name");
  if (one.explained) {
    const why = both("button", { zh: "为什么", en: "Why" }, "why");
    why.type = "button";
    why.onclick = () => ask(one.id);
    name.append(" ", why);
  }
  row.append(make("span", "P" + one.priority, "p"), name, make("span", one.gate, "gate"), both("span", one.grid, "grid"), both("span", { zh: one.age.zh, en: one.since }, "age"), detail);
  if (one.clock) row.append(both("p", one.clock, "clock"));
  return row;
}
function nothing() {
  const row = make("li", "", "none");
  row.append(both("span", { zh: "没有未结告警", en: "No open alarms" }));
  return row;
}

// ---- why: the stored record of a verdict, as tables
function rowOf(row, tag) {
  const node = make("tr", "");
  node.append(...row.map((words) => (words.zh === words.en ? make(tag, words.zh) : both(tag, words))));
  return node;
}
function sheetTable(sheet) {
  const table = make("table", "", sheet.name);
  table.append(both("caption", sheet.title), ...(sheet.heads.length ? [rowOf(sheet.heads, "th")] : []), ...sheet.rows.map((row) => rowOf(row, "td")));
  return table;
}
function answer(words, sheets) {
  $("because-what").replaceChildren(both("span", words));
  $("because-tables").replaceChildren(...sheets.map(sheetTable));
}
async function ask(record) {
  $("ask").elements.record.value = record;
  $("because").hidden = false;
  answer({ zh: "…", en: "" }, []);
  try {
    const said = await (await fetch("/why?record=" + encodeURIComponent(record))).json();
    // The field may name another record by now.
    if ($("ask").elements.record.value !== record) return;
    if (said.ok) answer(said.shown.headline, said.shown.sheets); else answer(said, []);
  } catch { answer({ zh: "未取得", en: "could not be fetched" }, []); }
}
$("ask").onsubmit = (event) => { event.preventDefault(); ask($("ask").elements.record.value); };
$("because-close").onclick = () => { $("because").hidden = true; };

// ---- the tree
function cell(value, start) { return make("td", number(value), (value ? "" : "zero") + (start ? " start" : "")); }
function node(one) {
  const row = make("tr", "", [one.open ? "open" : "", one.more ? "" : "leaf", one.path === page.path ? "chosen" : ""].join(" "));
  const first = make("td", "");
  const name = both("button", one.name);
  name.style.marginLeft = one.depth * 1.3 + "em";
  name.dataset.path = one.path;
  name.type = "button";
  first.append(name);
  row.append(first);
  VERDICTS.forEach(([key], at) => row.append(cell(one.verdicts[key] || 0, at === 0)));
  OUTCOMES.forEach(([key], at) => row.append(cell(one.outcomes[key] || 0, at === 0)));
  const alarms = make("td", "", "start" + (one.alarms ? "" : " zero"));
  alarms.append(make("span", String(one.alarms), one.alarms ? "alarms" : ""));
  const complete = make("td", "", "start");
  complete.append(both("span", one.complete.text, one.complete.whole ? "" : "part"));
  row.append(alarms, complete);
  return row;
}

// ---- the chart: a hand-drawn stack of bars; hours that are not complete are pale
function shape(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
function chart(hours) {
  const wide = 720, tall = 240, left = 44, foot = 22, top = 8;
  const sums = hours.map((hour) => VERDICTS.reduce((sum, [key]) => sum + (hour.verdicts[key] || 0), 0));
  const most = Math.max(4, ...sums), step = nice(most / 4), high = Math.ceil(most / step) * step;
  const y = (value) => top + (tall - foot - top) * (1 - value / high);
  const svg = shape("svg", { viewBox: "0 0 " + wide + " " + tall, role: "img", "aria-label": "判定 verdicts: " + sums.join(", ") });
  for (let at = 0; at <= high; at += step) {
    svg.append(shape("line", { class: "grid", x1: left, x2: wide, y1: y(at), y2: y(at) }));
    svg.append(shape("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, number(at)));
  }
  const slot = (wide - left) / hours.length;
  hours.forEach((hour, at) => {
    let base = 0;
    for (const key of ["allow", "escalate", "deny"]) {
      const value = hour.verdicts[key] || 0;
      if (!value) continue;
      const bar = shape("rect", { class: key + (hour.sure ? "" : " unsure"), x: left + at * slot + slot * .14, width: slot * .72, y: y(base + value), height: y(base) - y(base + value) });
      bar.append(shape("title", {}, hour.label + " " + key + " " + value));
      svg.append(bar);
      base += value;
    }
    if ((hours.length - 1 - at) % 3 === 0) svg.append(shape("text", { x: left + (at + .5) * slot, y: tall - 6, "text-anchor": "middle" }, hour.label));
  });
  return svg;
}
function nice(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  return Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= raw) * power);
}

// ---- gates
function fact(zh, en, value, bad) {
  const row = make("p", "", "row");
  row.append(both("span", { zh, en }), make("span", value, bad ? "bad" : ""));
  return row;
}
function gate(one) {
  const tile = make("li", "");
  tile.dataset.mood = one.mood;
  const [zh, en] = MOODS[one.mood];
  tile.append(make("b", one.id), both("span", { zh, en }, "state"));
  tile.classList.toggle("drill", Boolean(one.drill));
  if (one.drill) tile.append(both("p", one.drill, "drilling"));
  tile.append(fact("上报", "seen", one.seen.zh, one.mood === "offline"), fact("待传", "backlog", number(one.backlog), one.mood === "offline" && one.backlog > 0));
  tile.append(fact("策略", "policy", one.policy || "—"), fact("完整至", "complete to", one.through || "—"));
  if (one.missing) tile.append(fact("缺失", "missing", number(one.missing), true));
  if (one.alarms) tile.append(fact("告警", "alarms", String(one.alarms), true));
  for (const fault of one.faults) tile.append(both("p", fault, "fault"));
  return tile;
}

// ---- policies that go out in stages
function rollout(one) {
  const part = make("div", "", "rollout");
  part.append(sheetTable(one), ...one.notes.map((words) => both("p", words, "note")));
  return part;
}

// ---- the page
function crumbs() {
  const parts = page.path ? page.path.split("/") : [];
  const names = new Map(page.nodes.map((one) => [one.path, one.name.zh]));
  const items = [["", "全部 All"], ...parts.map((part, at) => { const path = parts.slice(0, at + 1).join("/"); return [path, names.get(path) || part]; })];
  fill($("crumbs"), items, ([path, name]) => { const button = make("button", name); button.dataset.path = path; return button; });
}
function complete(id) {
  $(id).replaceChildren(both("span", page.complete.text));
  $(id).classList.toggle("part", !page.complete.whole);
}
function show() {
  crumbs();
  $("when").textContent = page.day + " · 截至 as of " + page.as_of;
  $("alarm-count").textContent = number(page.alarm_count) + (page.alarm_count > page.alarms.length ? " (前 " + page.alarms.length + ")" : "");
  fill($("alarms"), page.alarms.length ? page.alarms : [null], (one) => (one ? alarm(one) : nothing()));
  fill($("tree"), page.nodes.map((one) => ({ ...one, at: page.path })), node);
  complete("tree-complete");
  $("undated").hidden = !page.undated;
  if (page.undated) $("undated").replaceChildren(both("span", page.undated));
  $("rollout-section").hidden = !page.rollouts.length;
  fill($("rollouts"), page.rollouts, rollout);
  complete("chart-complete");
  fill($("chart"), [page.hours], chart);
  $("gate-count").textContent = page.online + "/" + page.gate_count + " 在线 online";
  fill($("gates"), page.gates, gate);
  const drills = page.gates.filter((one) => one.drill).map((one) => one.id).join(", ");
  $("drills").hidden = !drills;
  $("drills").textContent = drills ? "演练 DRILL · " + drills + " · 不计入统计 counted nowhere" : "";
}
function beat(event) {
  const data = JSON.parse(event.data);
  if (build && data.page.build !== build) return location.reload();
  build = data.page.build;
  page = data.page;
  show();
  lastBeat = Date.now(); // only now: a page that fails to show an event goes stale
  watch();
}
function open(path) {
  if (source) source.close();
  source = new EventSource("/events?path=" + encodeURIComponent(path));
  source.onmessage = beat;
}
function watch() {
  const stale = Date.now() - lastBeat > STALE_MS;
  document.body.classList.toggle("stale", stale);
  $("stale").hidden = !stale;
  $("stale").textContent = stale ? "数据未更新，以下数字可能已过时 · Not updated: the figures below may be old" : "";
}
addEventListener("click", (event) => {
  const button = event.target.closest("[data-path]");
  if (button) history.pushState(null, "", "#" + encodeURIComponent(button.dataset.path)), open(button.dataset.path);
});
const here = () => open(decodeURIComponent(location.hash.slice(1)));
addEventListener("popstate", here);
for (const [at, [, zh, en]] of [...VERDICTS, ...OUTCOMES].entries()) $("columns").append(both("th", { zh, en }, at === 0 || at === VERDICTS.length ? "start" : ""));
setInterval(watch, 1000);
here();
