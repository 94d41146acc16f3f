// What the dashboard asks, and how often.

export class Refusal extends Error {
  constructor(problem, status) {
    super(problem?.detail ?? `the answer was ${status}`);
    this.hint = problem?.hint ?? "";
    this.status = status;
  }
}

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  throw new Refusal(body, response.status);
}

/** A page's figures. */
export async function read(name, parameters = {}, signal = undefined) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const limit = AbortSignal.timeout(10000);
  const response = await fetch(`ui/api/${name}.json?${new URLSearchParams(given)}`, {
    headers: { Accept: "application/json" },
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  if (response.status === 401) {
    location.assign("ui/sign-in");
    return new Promise(() => {});
  }
  return answer(response);
}

/** A function of the database, with somebody's API key. */
export async function call(name, parameters, key) {
  return answer(
    await fetch(`v1/rpc/${name}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify(parameters),
      credentials: "omit",
    }),
  );
}

/** Asks again and again while the page is looked at; more slowly while there is no answer. */
export class Poller {
  constructor(tell) {
    this.tell = tell;
    this.tasks = [];
    this.isLive = true;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.wake();
    });
  }

  /** Forget what was asked so far; ask this instead: [{ ask(signal), show(answer), seconds }] */
  start(tasks) {
    this.stop();
    this.aborter = new AbortController();
    this.tasks = tasks.map((task) => ({ ...task, failures: 0, timer: null, isAsking: false }));
    for (const task of this.tasks) this.run(task, this.aborter.signal);
  }

  stop() {
    this.aborter?.abort();
    for (const task of this.tasks) clearTimeout(task.timer);
    this.tasks = [];
  }

  wake() {
    for (const task of this.tasks) if (!task.isAsking && task.seconds) this.run(task, this.aborter.signal);
  }

  setLive(isLive) {
    this.isLive = isLive;
    if (isLive) this.wake();
    else for (const task of this.tasks) clearTimeout(task.timer);
  }

  async run(task, signal) {
    clearTimeout(task.timer);
    task.isAsking = true;
    try {
      const found = await task.ask(signal);
      if (signal.aborted) return;
      task.failures = 0;
      task.show(found);
      this.tell(null);
    } catch (error) {
      if (signal.aborted) return;
      task.failures += 1;
      if (!(error instanceof Refusal) && !(error instanceof TypeError) && error?.name !== "TimeoutError") console.error(error);
      if (error instanceof Refusal && error.status >= 400 && error.status < 500 && error.status !== 429) {
        this.tell(error, true);
        return;
      }
      this.tell(error, false);
    } finally {
      task.isAsking = false;
    }
    if (task.seconds && this.isLive && !document.hidden && !signal.aborted) {
      const delay = Math.max(task.seconds, Math.min(task.seconds * 2 ** Math.min(task.failures, 4), 30));
      task.timer = setTimeout(() => this.run(task, signal), delay * 1000);
    }
  }
}
