/**
 * The container engine of the device: podman or docker, driven by its command line, which both have in common for what
 * is needed here.
 */
import { spawn } from 'node:child_process'
import { CoveyError } from '../../../shared/errors/errors.ts'
import { within } from '../bounded-wait.ts'
import { Capture } from '../capture.ts'
import { programFault } from '../program.ts'

export interface EngineOptions {
  /** Its program. Default: podman, or else docker, as `PATH` has it. */
  readonly containerEngine?: string
  /** Options of every call, before the command, like "--runtime=runc". */
  readonly containerGlobal?: readonly string[]
  /** Options of `run`, like "--network=none" or "--ulimit=nofile=1024:1024". */
  readonly containerOption?: readonly string[]
}

export interface Answer {
  /** `undefined` when it was ended: by its time limit, by the signal, or because it could not be started. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

const KNOWN = ['podman', 'docker'] as const
const OUTPUT_BYTES_MAX = 64 * 1024
const PROBE_MS = 15_000
/** How long an inspection, a kill or a removal may take. */
export const STEP_MS = 30_000
const LINE_CHARS_MAX = 500

export class ContainerEngine {
  readonly program: string
  readonly #global: readonly string[]
  readonly #options: readonly string[]

  constructor(program: string, { containerGlobal = [], containerOption = [] }: EngineOptions) {
    this.program = program
    this.#global = containerGlobal
    this.#options = containerOption
  }

  /** False where the operator has turned cgroups off: then an engine refuses limits. */
  get limits(): boolean {
    return !this.#options.some((option, i) =>
      `${option} ${this.#options[i + 1]}`.match(/^--cgroups[= ]disabled/),
    )
  }

  /** The arguments of `run`, with the operator's options after ours, so that they win. */
  runArguments(own: readonly string[], image: string, argv: readonly string[]): string[] {
    return [...this.#global, 'run', ...own, ...this.#options, image, ...argv]
  }

  /** Calls the engine and waits for its answer, within `limitMs` and until `signal` aborts. Never throws. */
  async ask(argv: readonly string[], limitMs: number = STEP_MS, signal?: AbortSignal): Promise<Answer> {
    const captures = { stdout: new Capture(OUTPUT_BYTES_MAX), stderr: new Capture(OUTPUT_BYTES_MAX) }
    const child = spawn(this.program, [...this.#global, ...argv], {
      env: engineEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => captures[name].add(chunk))
    }
    const end = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', end)
    if (signal?.aborted === true) end()
    const closed = new Promise<number | undefined>((resolve) => {
      child.once('error', (error) => {
        captures.stderr.add(Buffer.from(error.message))
        resolve(undefined)
      })
      child.once('close', (code) => resolve(code ?? undefined))
    })
    const code = await within(closed, limitMs)
    signal?.removeEventListener('abort', end)
    if (code === undefined) end()
    return { code, stdout: captures.stdout.text().text, stderr: captures.stderr.text().text }
  }
}

/** The agent's environment without Covey's own: engines want HOME, XDG_RUNTIME_DIR, DOCKER_HOST and more. */
export function engineEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COVEY_')))
}

/** The line of what an engine wrote that says what went wrong: the last that says so, or the last of all. */
export function lastLine(stderr: string): string {
  const lines = stderr.trim().split('\n')
  const line = lines.findLast((one) => /^(?:error|docker): /i.test(one)) ?? lines.at(-1) ?? ''
  return line.replace(/^(?:error|docker): /i, '').slice(0, LINE_CHARS_MAX)
}

/**
 * The engine of this device, when it has one that works.
 *
 * @throws CoveyError E_ENGINE that says why it does not work; `undefined` only when none was named and none is there
 */
export async function findEngine(options: EngineOptions): Promise<ContainerEngine | undefined> {
  const program =
    options.containerEngine ??
    KNOWN.find((name) => programFault(name, process.env['PATH'] ?? '', '/') === undefined)
  if (program === undefined) return undefined
  const engine = new ContainerEngine(program, options)
  const { code, stderr } = await engine.ask(['info'], PROBE_MS)
  if (code === 0) return engine
  const why = code === undefined && stderr === '' ? `no answer within ${PROBE_MS} ms` : lastLine(stderr)
  throw new CoveyError('E_ENGINE', `${program} info: ${why}`)
}
