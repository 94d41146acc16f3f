// What an API key with the scope admin may do. The key lives in this module, and nowhere else: a reload forgets it.
import { h } from "./dom.js";
import { Refusal, call } from "./api.js";

let key = null;
const dialog = () => document.getElementById("dialog");
const listeners = [];

export const isUnlocked = () => key !== null;
export const onKey = (listener) => listeners.push(listener);

const ACTIONS = {
  cancel: { label: "Cancel robot", function: "cancel_robot", argument: "robot_id", reason: true, text: "It ends FAILED with category CANCELLED. A worker that has it is told at its next report.", tone: "danger" },
  retry: { label: "Retry robot", function: "retry_robot", argument: "robot_id", text: "It waits again, with all its attempts." },
  pause: { label: "Pause execution", function: "pause_execution", argument: "execute_id", text: "Its worker is told to wait at its next report. The time limit goes on." },
  resume: { label: "Resume execution", function: "resume_execution", argument: "execute_id", text: "Its worker goes on." },
  activate: { label: "Activate module", function: "activate_module", argument: "module_name", text: "It is given robots again. Its failures in a row are forgotten." },
  deactivate: { label: "Deactivate module", function: "deactivate_module", argument: "module_name", reason: true, text: "It is given nothing more until it is activated. What runs goes on.", tone: "danger" },
};

/** A button; it is there once a key was entered. */
export const button = (action, id, note = "") =>
  h("button", { type: "button", class: `act ${ACTIONS[action].tone ?? ""}`, "data-act": action, "data-id": id, "data-key": `${action}-${id}` }, ACTIONS[action].label, note);

export const lockedNote = () =>
  isUnlocked() ? null : h("p", { class: "note locked" }, "To steer, unlock the actions with an API key of the module that has the scope admin.");

function open(...content) {
  const box = dialog();
  box.replaceChildren(...content);
  box.showModal();
  return box;
}

export function askForKey() {
  if (isUnlocked()) {
    setKey(null);
    return;
  }
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialog-title" }, "Unlock actions"),
    h("p", null, "An API key with the scope admin, of the module you want to steer. It stays in the memory of this page; a reload forgets it."),
    h("label", { for: "key-text" }, "API key"),
    h("input", { id: "key-text", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "key-message" }),
    h("p", { id: "key-message", class: "refused", role: "alert" }),
    h("div", { class: "buttons" }, h("button", { type: "button", "data-close": true }, "Back"), h("button", { type: "submit", class: "primary" }, "Unlock")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = form.querySelector("#key-text").value.trim();
    const message = form.querySelector("#key-message");
    if (!/^cpz_[0-9a-f]{16}_[0-9a-f]{64}$/.test(text)) {
      message.textContent = "This is no API key: it begins with cpz_ and has 85 characters.";
      return;
    }
    try {
      await call("list_api_keys", {}, text);  // asks for the scope admin, and changes nothing
      setKey(text);
      dialog().close();
    } catch (error) {
      message.textContent = explain(error);
    }
  });
  open(form);
  form.querySelector("input").focus();
}

function setKey(text) {
  key = text;
  document.getElementById("key").textContent = isUnlocked() ? "Lock actions" : "Unlock actions";
  for (const listener of listeners) listener();
}

const explain = (error) => (error instanceof Refusal ? `${error.message}. ${error.hint}`.trim() : "There was no answer. It may or may not have been done.");

/** Ask whether it is meant, do it, say how it went. */
export function confirm(name, id, done) {
  const action = ACTIONS[name];
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialog-title" }, `${action.label}?`),
    h("p", { class: "subject" }, h("code", null, id)),
    h("p", null, action.text),
    action.reason ? [h("label", { for: "reason" }, "Reason (optional)"), h("input", { id: "reason", maxlength: 200, autocomplete: "off" })] : null,
    h("p", { id: "key-message", class: "refused", role: "alert" }),
    h("div", { class: "buttons" }, h("button", { type: "button", "data-close": true }, "Back"), h("button", { type: "submit", class: action.tone === "danger" ? "danger" : "primary" }, action.label)),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const submit = form.querySelector("[type=submit]");
    submit.disabled = true;
    const given = { [action.argument]: id };
    const reason = form.querySelector("#reason")?.value.trim();
    if (reason) given.reason = reason;
    try {
      await call(action.function, given, key);
      dialog().close();
      done(`${action.label}: done.`);
    } catch (error) {
      form.querySelector("#key-message").textContent = explain(error);
      submit.disabled = false;
    }
  });
  open(form);
  form.querySelector("[data-close]").focus();
}
