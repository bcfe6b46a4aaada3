// Inviting a visitor, and registering by oneself.
import { $, ask, draw, put, say } from "./api.js";
import { encode } from "./qr.js";

const NO_NETWORK = { zh: "没有网络，请稍后再试，或找值守人员。", en: "No network: try again, or ask the guard." };

/** `token()`: of the pass that invites. `back()`: to the pass. `renew()`: its answer has changed. `applied(token)`: registered, with this link. */
export function startForms({ token, back, applied, renew }) {
  for (const button of document.querySelectorAll("[data-back]")) {
    button.onclick = () => { say(null); $("invite-form").hidden = false; $("invited").hidden = true; back(); };
  }
  submits($("invite-form"), "invite", (said) => ({
    k: token(), name: said.get("name"), hours: Number(said.get("hours")), party: Number(said.get("party")), plate: said.get("plate"), once: said.has("once"),
  }), (body) => { invited(body); renew(); });
  submits($("register-form"), "apply", (said, form) => ({
    ...form.place,
    pass_class: said.get("class"),
    ...Object.fromEntries(["name", "phone", "id_number", "unit", "plate", "travel"].map((name) => [name, (said.get(name) || "").trim()])),
    party: Number(said.get("party")), symptoms: said.get("symptoms") === "yes", contact: said.get("contact") === "yes", agree: said.has("agree"),
  }), (body) => applied(body.token));
}
/** The visitors who are expected, each with a button that ends the pass. `done()`: one was ended. */
export function placeGuests(guests, token, done) {
  $("expected").hidden = !guests.length;
  $("guests").replaceChildren(...guests.map((guest) => {
    const row = document.createElement("li"), name = document.createElement("b"), until = document.createElement("span"), end = document.createElement("button");
    name.textContent = guest.name;
    put(until, `至 ${when(guest.expires_s)}`, "until");
    put(end, "撤销", "End");
    end.type = "button";
    end.className = "plain";
    end.onclick = async () => {
      end.disabled = true;
      try {
        const { status, body } = await ask("withdraw", { k: token, visitor: guest.pass_id });
        if (status === 200) return done();
        refused(body);
      } catch {
        refused(NO_NETWORK);
      }
      end.disabled = false;
      return undefined;
    };
    row.append(name, until, end);
    return row;
  }));
}
export function when(seconds) {
  return new Date(seconds * 1000).toLocaleString("zh-CN", { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false });
}
function submits(form, path, values, done) {
  form.onsubmit = async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    say(null);
    try {
      const { status, body } = await ask(path, values(new FormData(form), form));
      if (status === 200) { form.reset(); done(body); } else refused(body);
    } catch {
      refused(NO_NETWORK);
    }
    button.disabled = false;
  };
}
function refused(words) {
  say(words, true);
  window.scrollTo(0, 0);
}
function invited({ token }) {
  const link = `${location.origin}/#k=${token}`;
  $("invite-form").hidden = true;
  $("expected").hidden = true;
  $("invited").hidden = false;
  $("invited-link").textContent = link;
  draw($("invited-code"), encode(link, "M"));
  $("share").hidden = !navigator.share && !navigator.clipboard;
  $("share").onclick = async () => {
    try {
      if (navigator.share) await navigator.share({ title: "访客通行码 Visitor pass", url: link });
      else { await navigator.clipboard.writeText(link); put($("share"), "已复制", "Copied"); }
    } catch {
      // Closed without sending: the link still stands above.
    }
  };
}
