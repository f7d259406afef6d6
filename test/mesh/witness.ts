/**
 * Witnesses: tasks that leave a trace of their own. Each attempt writes a line when it starts and one when it comes
 * to its end, and looks whether an earlier attempt of the same task is still alive. No message tells as much.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readProcess } from '../../agent/shell/process-table.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { type Mesh, shell } from './mesh.ts'

export interface Trace {
  readonly what: 'start' | 'stop' | 'overlap'
  readonly pid: number
  readonly device: string
}

export class Witnesses {
  readonly tasks: readonly string[]
  readonly #mesh: Mesh
  readonly #gate: string

  /** @param name of the group; its tasks are `name-0`, `name-1`, … */
  constructor(mesh: Mesh, name: string, count: number) {
    this.#mesh = mesh
    this.#gate = mesh.file(`${name}-gate`)
    this.tasks = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  }

  #file(task: string): string {
    return this.#mesh.file(`${task}-witness`)
  }

  /** Submits all; they run until the gate is opened, and say then which task they are. */
  async submit(spec: Partial<TaskSpec> = {}): Promise<void> {
    await Promise.all(this.tasks.map((task) => this.#mesh.submit(task, this.#spec(task, spec))))
  }

  #spec(task: string, spec: Partial<TaskSpec>): TaskSpec {
    const file = this.#file(task)
    const script = [
      `touch ${file}`,
      `for pid in $(sed -n 's/^start \\([0-9]*\\) .*/\\1/p' ${file})`,
      // One that has ended and was not collected yet does nothing any more.
      `do grep -qs '^State:.[^Z]' /proc/$pid/status && echo "overlap $pid $COVEY_DEVICE" >> ${file}; done`,
      `echo "start $$ $COVEY_DEVICE" >> ${file}`,
      `until [ -e ${this.#gate} ]; do sleep 0.1; done`,
      `echo "stop $$ $COVEY_DEVICE" >> ${file}`,
      'echo "$COVEY_TASK is done"',
    ]
    return shell(script.join('\n'), { timeout: '2m', grace: '1s', ...spec })
  }

  /**
   * Waits until all run: first by their statuses, then by what they leave, because a command runs before its first line
   * has.
   *
   * @returns the device of each task
   */
  async running(limitMs?: number): Promise<ReadonlyMap<string, string>> {
    const where = await this.#mesh.running(this.tasks, limitMs)
    const started = (task: string) =>
      this.traces(task).some(({ what, device }) => what === 'start' && device === where.get(task))
    const all = () => this.tasks.every(started)
    await this.#mesh.observer.until(all, `${this.tasks.length} tasks to say that they run`, limitMs)
    return where
  }

  /** Lets every attempt come to its end. */
  open(): void {
    writeFileSync(this.#gate, '')
  }

  traces(task: string): Trace[] {
    const file = this.#file(task)
    if (!existsSync(file)) return []
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => {
      const [what, pid, device] = line.split(' ')
      return { what: what as Trace['what'], pid: Number(pid), device: device ?? '' }
    })
  }

  /** Attempts that are alive now, of all tasks. */
  alive(): Trace[] {
    return this.tasks
      .flatMap((task) => this.traces(task))
      .filter(({ what, pid }) => what === 'start' && isAlive(pid))
  }
}

/** False also for what has ended and was not collected yet. */
export function isAlive(pid: number): boolean {
  return (readProcess(pid)?.state ?? 'Z') !== 'Z'
}
