/** Reads the bin packing sets of Falkenauer as the OR-Library writes them, with bounds that were proven since. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Problem } from '../agent/planning/problem.ts'
import { CoveyError } from '../shared/errors/errors.ts'

/** The sets by name and file, as many items as the name says: `u` uniform, `t` triplets that fill a bin exactly. */
export const SETS = ['u120', 'u250', 'u500', 'u1000', 't60', 't120', 't249', 't501'] as const
export type SetName = (typeof SETS)[number]

export const DATA_NEEDED =
  'placement needs --data FOLDER with binpack1.txt to binpack8.txt, the bin packing sets of the OR-Library ' +
  '(J. E. Beasley; E. Falkenauer), and bounds.csv with lines "instance,lower,upper", the proven numbers of bins ' +
  '(BPPLIB, Delorme, Iori and Martello)'

export interface BinPacking {
  readonly name: string
  readonly set: SetName
  readonly room: number
  readonly sizes: readonly number[]
  /** The least number of bins, as proven elsewhere. */
  readonly optimum: number
}

/**
 * All instances in the folder.
 *
 * @throws when a file is missing or is not of the form that it should have
 */
export function readBinPackings(folder: string): BinPacking[] {
  const optima = new Map<string, number>()
  for (const line of read(folder, 'bounds.csv').trim().split('\n').slice(1)) {
    const [name = '', lower, upper] = line.trim().split(',')
    if (lower !== upper)
      throw new CoveyError('E_USAGE', `bounds.csv: ${name} is not proven: ${lower} to ${upper}`)
    optima.set(name, Number(upper))
  }
  return SETS.flatMap((set, n) => {
    const file = `binpack${n + 1}.txt`
    const words = read(folder, file).trim().split(/\s+/)
    const next = (): number => {
      const word = words.shift()
      if (word === undefined || !/^\d+(?:\.\d)?$/.test(word)) {
        throw new CoveyError(
          'E_USAGE',
          `${file}: ${JSON.stringify(word)} is no size; compare it with the OR-Library's`,
        )
      }
      // Sizes have at most one decimal.
      return Math.round(Number(word) * 1000)
    }
    return Array.from({ length: next() / 1000 }, (): BinPacking => {
      const name = words.shift() ?? ''
      const room = next()
      const count = next() / 1000
      next()
      const optimum = optima.get(name)
      if (optimum === undefined)
        throw new CoveyError('E_USAGE', `${file}: bounds.csv has no line for ${name}`)
      return { name, set, room, sizes: Array.from({ length: count }, next), optimum }
    })
  })
}

function read(folder: string, file: string): string {
  try {
    return readFileSync(join(folder, file), 'utf8')
  } catch (cause) {
    throw new CoveyError('E_USAGE', `${join(folder, file)} cannot be read; ${DATA_NEEDED}`, { cause })
  }
}

/** As a problem of placement, on twice as many devices as the sizes sum up to: any fit gets by with that. */
export function asProblem({ sizes, room }: BinPacking): Problem {
  const devices = 2 * Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / room)
  return {
    objective: 'packing',
    items: sizes.map((size, n) => ({ id: `item-${n}`, demand: { units: size } })),
    devices: Array.from({ length: devices }, (_, n) => ({ id: `device-${n}`, free: { units: room } })),
  }
}
