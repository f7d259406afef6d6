// Runs one stage of the gate: a child process in a group of its own, its output kept, its time limited.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** How long the rest of a stage's output may take after its end. */
const DRAIN_MS = 5_000

/** Process groups that run now; whoever ends the gate ends them too. */
const running = new Set()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const pid of running) killGroup(pid)
    process.exit(1)
  })
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/**
 * Runs `node ...argv` in the root of the project, without a terminal, without colour.
 *
 * @param {readonly string[]} argv arguments of node
 * @param {number} limitMs after which the whole process group is killed
 * @returns {Promise<{ok: boolean, reason: string, output: string, ms: number}>} `reason` is empty when it is ok
 */
export function runNode(argv, limitMs) {
  const startedMs = performance.now()
  const env = { ...process.env, NO_COLOR: '1' }
  delete env.FORCE_COLOR
  return new Promise((resolve) => {
    const chunks = []
    let reason = ''
    let drain
    const child = spawn(process.execPath, argv, {
      cwd: root,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (child.pid !== undefined) running.add(child.pid)
    const limit = setTimeout(() => {
      reason = `ended after its limit of ${limitMs / 1000} s`
      killGroup(child.pid)
    }, limitMs)
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.on('error', (error) => {
      reason = error.message
    })
    // What a stage leaves behind is ended with it; what left its group may hold the pipes open, and is not awaited.
    child.on('exit', () => {
      killGroup(child.pid)
      drain = setTimeout(() => {
        child.stdout.destroy()
        child.stderr.destroy()
      }, DRAIN_MS)
    })
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      clearTimeout(drain)
      running.delete(child.pid)
      if (reason === '' && code !== 0) reason = signal === null ? `exit code ${code}` : `ended by ${signal}`
      const output = Buffer.concat(chunks).toString()
      resolve({ ok: reason === '', reason, output, ms: performance.now() - startedMs })
    })
  })
}
