/**
 * What a test needs beside Node: a program that may be absent on a developer's machine and never in continuous
 * integration. Use it as `describe.skipIf(!requires('mosquitto').available)`; the house rules take no other skip.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs tests may ask for, with the package `.ci/run` installs for each. */
const PROGRAMS = {
  busybox: { program: 'busybox', package: 'busybox-static' },
  chromium: { program: 'chromium', package: 'chromium' },
  mosquitto: { program: 'mosquitto', package: 'mosquitto' },
  mosquitto_pub: { program: 'mosquitto_pub', package: 'mosquitto-clients' },
  mosquitto_sub: { program: 'mosquitto_sub', package: 'mosquitto-clients' },
  nats: { program: 'nats-server', package: 'nats-server' },
  podman: { program: 'podman', package: 'podman' },
  runc: { program: 'runc', package: 'runc' },
} as const

export type Requirement = keyof typeof PROGRAMS

export interface Availability {
  readonly available: boolean
  /** Why not; empty when it is available. */
  readonly reason: string
  /** Absolute path of the program; empty when it is not available. */
  readonly path: string
}

export interface Surroundings {
  /** Where programs are looked for. */
  readonly folders: readonly string[]
  /** `COVEY_REQUIRE`: with `all` nothing may be absent. */
  readonly require: string | undefined
  readonly warn: (line: string) => void
}

/** Debian puts daemons where the `PATH` of a plain user does not look. */
const ALSO = ['/usr/sbin', '/usr/local/sbin']

const surroundings = (): Surroundings => ({
  folders: [...(process.env['PATH'] ?? '').split(delimiter), ...ALSO],
  require: process.env['COVEY_REQUIRE'],
  warn: (line) => process.stderr.write(`${line}\n`),
})

/**
 * Whether a program is there. Says on standard error when it is not, so that a skip is never silent.
 *
 * @throws Error when it is absent and `COVEY_REQUIRE=all`
 */
export function requires(name: Requirement, around: Surroundings = surroundings()): Availability {
  const wanted = PROGRAMS[name]
  for (const folder of around.folders) {
    const path = join(folder, wanted.program)
    if (folder !== '' && isExecutable(path)) return { available: true, reason: '', path }
  }
  const reason = `${wanted.program} is not installed; its tests need: apt-get install ${wanted.package}`
  if (around.require === 'all') throw new Error(`COVEY_REQUIRE=all, but ${reason}`)
  around.warn(`requires: ${reason}`)
  return { available: false, reason, path: '' }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Absent, or not ours to run: the same to a test.
    return false
  }
}
