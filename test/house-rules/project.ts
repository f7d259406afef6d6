/** The rules over the project as a whole: what stands at its top, and what it depends on. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Every text file that git tracks, or would: path from the root to text. */
export function projectFiles(): Map<string, string> {
  // safe.directory: continuous integration may run as another user than the one who cloned.
  const argv = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const listed = execFileSync('git', argv, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 })
  const files = new Map<string, string>()
  for (const path of listed.split('\0')) {
    const full = join(root, path)
    if (path === '' || !existsSync(full)) continue
    const text = readFileSync(full, 'utf8')
    if (!text.includes('\0')) files.set(path, text)
  }
  return files
}

const TOP_LEVEL = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'README.md',
  'LICENSE',
  'agent/',
  'broker/',
  'shared/',
  'client/',
  'simulations/',
  'test/',
  'docs/',
  '.ci/run',
] as const

/** Names that must stand at the top and do not. */
export function checkTopLevel(paths: Iterable<string>): string[] {
  const all = [...paths]
  const stands = (name: string) =>
    all.some((path) => path === name || (name.endsWith('/') && path.startsWith(name)))
  return TOP_LEVEL.filter((name) => !stands(name)).map(
    (name) => `${name} is missing from the top of the project; add it`,
  )
}

const DEPENDENCIES = ['mqtt', 'aedes', 'lowdb', 'ajv', 'pino'] as const
const DEV_DEPENDENCIES = ['vitest'] as const
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** Dependencies that are missing, not pinned, or not what the lock file says. */
export function checkDependencies(manifest: Manifest, locked: Manifest): string[] {
  const violations: string[] = []
  const kinds = [
    ['dependencies', DEPENDENCIES],
    ['devDependencies', DEV_DEPENDENCIES],
  ] as const
  for (const [kind, required] of kinds) {
    const versions = manifest[kind] ?? {}
    for (const name of required) {
      if (versions[name] === undefined) violations.push(`package.json: ${kind} lacks ${name}; add it`)
    }
    for (const [name, version] of Object.entries(versions)) {
      if (!EXACT.test(version))
        violations.push(`package.json: ${name} is "${version}"; pin one version, like "1.2.3"`)
      const inLock = locked[kind]?.[name]
      if (inLock !== version) {
        violations.push(
          `package-lock.json: ${name} is ${inLock ?? 'missing'}, package.json says ${version}; run npm install`,
        )
      }
    }
  }
  return violations
}
