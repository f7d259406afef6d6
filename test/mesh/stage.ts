/**
 * A stage: one temporary folder, and every process that works in it. Closing it ends all of them, whatever became of
 * the test, also commands that outlived the agent which started them.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { listProcesses, readEnvironment } from '../../agent/shell/process-table.ts'
import { until } from './until.ts'

/** In the environment of everything a stage starts; commands of tasks carry their agent's data folder instead. */
const STAGE_VARIABLE = 'COVEY_TEST_STAGE'
const LINES_SHOWN = 30

/** A process of a stage and what it wrote, line by line. */
export class Program {
  readonly name: string
  readonly stdout: string[] = []
  readonly stderr: string[] = []
  /** Exit code, or the signal that ended it; `undefined` while it runs. */
  end: number | NodeJS.Signals | undefined
  readonly #child: ChildProcess

  constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#child = child
    for (const stream of ['stdout', 'stderr'] as const) {
      const input = child[stream]
      if (input !== null) createInterface({ input }).on('line', (line) => this[stream].push(line))
    }
    child.on('close', (code, signal) => {
      this.end = signal ?? code ?? -1
    })
    child.on('error', (error) => this.stderr.push(`cannot be started: ${error.message}`))
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get input(): NonNullable<ChildProcess['stdin']> {
    const { stdin } = this.#child
    if (stdin === null) throw new Error(`${this.name} was started without an input`)
    return stdin
  }

  kill(signal: NodeJS.Signals): void {
    if (this.end === undefined) this.#child.kill(signal)
  }

  /** Ends it and waits until it is gone. */
  async ended(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    if (signal !== undefined) this.kill(signal)
    return this.until(() => this.end, 'its end')
  }

  until<T>(read: () => T, what: string, limitMs?: number) {
    const seen = () => this.said()
    return until(read, `${this.name}: ${what}`, limitMs === undefined ? { seen } : { seen, limitMs })
  }

  /** The line of JSON that `covey broker` and `covey agent` print when they are ready. */
  async ready(): Promise<Record<string, unknown>> {
    await this.until(() => this.stdout.length > 0 || this.end !== undefined, 'its first line')
    const line = this.stdout[0]
    if (line === undefined) throw new Error(`${this.name} ended without a word\n${this.said()}`)
    return JSON.parse(line) as Record<string, unknown>
  }

  /** What it wrote last, for a person. */
  said(): string {
    const lines = [...this.stdout.slice(-LINES_SHOWN), ...this.stderr.slice(-LINES_SHOWN)]
    return [`--- ${this.name}, ${this.end === undefined ? 'running' : `ended ${this.end}`}:`, ...lines].join(
      '\n',
    )
  }
}

const open = new Set<Stage>()
// The last resort when a test run is interrupted.
process.on('exit', () => {
  for (const stage of open) stage.sweep()
})

export class Stage {
  readonly folder: string
  readonly #programs: Program[] = []
  readonly #undo: (() => Promise<unknown> | undefined)[] = []

  constructor() {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'covey-mesh-')))
    open.add(this)
  }

  spawn(name: string, program: string, argv: readonly string[], options: SpawnOptions = {}): Program {
    const env = { ...process.env, ...options.env, [STAGE_VARIABLE]: this.folder }
    const started = new Program(
      name,
      spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.folder, ...options, env }),
    )
    this.#programs.push(started)
    return started
  }

  /** Does this first when the stage is closed. */
  later(step: () => Promise<unknown> | undefined): void {
    this.#undo.push(step)
  }

  /** Everything that the programs wrote last. */
  said(): string {
    return this.#programs.map((program) => program.said()).join('\n')
  }

  /** Ends every process that belongs here, now. */
  sweep(): void {
    for (const program of this.#programs) {
      // A stopped process takes no signal but these two.
      program.kill('SIGCONT')
      program.kill('SIGKILL')
    }
    for (const { pid } of listProcesses() ?? []) {
      if (pid === process.pid || !readEnvironment(pid).some((variable) => variable.includes(this.folder)))
        continue
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone by itself meanwhile.
      }
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async close(): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step()
    try {
      this.sweep()
      for (const program of this.#programs) await program.ended()
    } finally {
      // Whatever was being written while it was killed.
      this.sweep()
      open.delete(this)
    }
  }
}
