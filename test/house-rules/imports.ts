/** Who imports whom, whether that is allowed, and whether the imports run in a circle. */
import { dirname, join } from 'node:path/posix'
import { lineOf, mask } from './source.ts'

export interface Import {
  readonly specifier: string
  readonly line: number
  /** `import type`: gone when the program runs. */
  readonly typeOnly: boolean
  /** `import()`, an argument of which is loaded only when the line is reached. */
  readonly dynamic: boolean
}

const FROM =
  /\b(?:import|export)\s+(type\s+)?(?:[\w$*{}\s,]+?\s+)?from\s*['"]([^'"\n]+)['"]|\bimport\s*['"]([^'"\n]+)['"]/g
const DYNAMIC = /\bimport\s*\(\s*['"]([^'"\n]+)['"]/g

/** All imports and re-exports of a file. */
export function importsOf(text: string): Import[] {
  const { uncommented, code } = mask(text)
  const found: Import[] = []
  const add = (index: number, specifier: string, typeOnly: boolean, dynamic: boolean) => {
    // What looks like an import inside a string is none.
    if (code[index] !== ' ') found.push({ specifier, line: lineOf(text, index), typeOnly, dynamic })
  }
  for (const match of uncommented.matchAll(FROM)) {
    add(match.index, (match[2] ?? match[3]) as string, match[1] !== undefined, false)
  }
  for (const match of uncommented.matchAll(DYNAMIC)) add(match.index, match[1] as string, false, true)
  return found
}

/** The path in the project that a relative specifier means; `undefined` for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? join(dirname(from), specifier) : undefined
}

const CORE =
  /^(?:shared\/(?:protocol|model|random|errors)\/|shared\/ports\.ts$|agent\/(?:core|worker|election|coordinator|planning)\/)/
const TEST = /\.test\.ts$/

/** True for a source of the deterministic cores; their tests are not part of them. */
export function isCore(path: string): boolean {
  return CORE.test(path) && !TEST.test(path)
}

interface Zone {
  readonly zone: string
  readonly pattern: RegExp
  /** Zones it may import; `*` is every zone. */
  readonly may: readonly string[]
  /** Zones it may load with `import()` only, or import types of. */
  readonly mayLoad?: readonly string[]
}

/** Parts of the project, the most specific first, and which parts each may import. */
const ZONES: readonly Zone[] = [
  { zone: 'test', pattern: /^(?:test\/|scripts\/|vitest\.config\.ts$)/, may: ['*'] },
  { zone: 'bench', pattern: /^bench\//, may: ['*'] },
  { zone: 'shared', pattern: /^shared\//, may: ['shared'] },
  {
    zone: 'agent cores',
    pattern: /^agent\/(?:core|worker|election|coordinator|planning)\//,
    may: ['agent cores', 'shared'],
  },
  { zone: 'agent', pattern: /^agent\//, may: ['agent', 'agent cores', 'shared'] },
  { zone: 'broker', pattern: /^broker\//, may: ['broker', 'shared'] },
  {
    zone: 'client/cli',
    pattern: /^client\/cli\//,
    may: ['client/cli', 'client', 'shared'],
    mayLoad: ['agent', 'agent cores', 'broker', 'simulations', 'simulations/live'],
  },
  { zone: 'client', pattern: /^client\//, may: ['client', 'shared'] },
  {
    zone: 'simulations/live',
    pattern: /^simulations\/live\//,
    may: ['simulations/live', 'simulations', 'agent', 'agent cores', 'broker', 'client', 'shared'],
  },
  { zone: 'simulations', pattern: /^simulations\//, may: ['simulations', 'agent cores', 'shared'] },
  { zone: 'dashboard', pattern: /^dashboard\//, may: ['dashboard', 'client', 'shared'] },
]

const zoneOf = (path: string) => ZONES.find(({ pattern }) => pattern.test(path))

/** Packages that compute and do no I/O, so that a core may use them. */
const PURE_PACKAGES = /^(?:ajv|typebox|@noble\/hashes)(?:\/|$)/

/**
 * Violations of the import direction in one file.
 *
 * @param isFile whether a path is a file of the project
 */
export function checkImports(path: string, text: string, isFile: (path: string) => boolean): string[] {
  const zone = zoneOf(path)
  const violations: string[] = []
  for (const { specifier, line, typeOnly, dynamic } of importsOf(text)) {
    const here = `${path}:${line}`
    const target = resolveImport(path, specifier)
    if (target === undefined) {
      if (isCore(path) && !PURE_PACKAGES.test(specifier)) {
        violations.push(`${here}: a core imports "${specifier}"; return an effect and let the shell do it`)
      }
      continue
    }
    if (!isFile(target)) {
      violations.push(
        `${here}: "${specifier}" is no file of the project; write the path with its .ts, and add the file to git`,
      )
      continue
    }
    if (zone === undefined) {
      violations.push(
        `${here}: no rule says what ${path} may import; give its folder a zone in test/house-rules/imports.ts`,
      )
      continue
    }
    const targetZone = zoneOf(target)?.zone ?? 'nothing'
    const allowed =
      zone.may.includes('*') ||
      zone.may.includes(targetZone) ||
      ((dynamic || typeOnly) && zone.mayLoad?.includes(targetZone) === true) ||
      (TEST.test(path) && targetZone === 'test')
    const tested = TEST.test(target) && zone.zone !== 'test'
    if (!allowed || tested) {
      const may = zone.may.join(', ')
      violations.push(
        `${here}: ${zone.zone} may not import ${target}; it may import ${may}: move what both need to shared/, or hand it in`,
      )
    }
  }
  return violations
}

/** What each file imports, types left out: those are gone when the program runs. */
export type Graph = ReadonlyMap<string, readonly string[]>

export function graphOf(files: ReadonlyMap<string, string>): Graph {
  const graph = new Map<string, string[]>()
  for (const [path, text] of files) {
    const targets: string[] = []
    for (const item of importsOf(text)) {
      const target = item.typeOnly || item.dynamic ? undefined : resolveImport(path, item.specifier)
      if (target !== undefined) targets.push(target)
    }
    graph.set(path, targets)
  }
  return graph
}

/** Every circle that a depth-first walk closes, written as `a -> b -> a`. */
export function cyclesOf(graph: Graph): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (path: string) => {
    const start = trail.indexOf(path)
    if (start >= 0) cycles.push([...trail.slice(start), path].join(' -> '))
    if (start >= 0 || done.has(path)) return
    trail.push(path)
    for (const target of graph.get(path) ?? []) visit(target)
    trail.pop()
    done.add(path)
  }
  for (const path of graph.keys()) visit(path)
  return cycles
}
