/** Runs `task` at most once per `interval_ms`: at once when idle, else at the end of the interval. */
export class Throttle {
  readonly #task: () => void;
  readonly #interval: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #due = false;

  constructor(interval_ms: number, task: () => void) {
    this.#interval = interval_ms;
    this.#task = task;
  }

  request(): void {
    if (this.#timer === null) this.#run();
    else this.#due = true;
  }

  /** Runs now, without waiting for the interval to end. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#run();
  }

  #run(): void {
    this.#due = false;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#due) this.#run();
    }, this.#interval);
    this.#task();
  }
}
