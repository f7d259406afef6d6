/** Charge of the device's battery in percent. */
import { join } from 'node:path'
import { type Roots, readNames, readNumber, readText, SYSTEM_ROOTS } from './roots.ts'

/** The mean when it has several; `undefined` when it has none. A mouse's or keyboard's battery is not the device's. */
export function readBattery(roots: Roots = SYSTEM_ROOTS): number | undefined {
  const supplies = join(roots.sys, 'class/power_supply')
  const charges = readNames(supplies)
    .map((name) => join(supplies, name))
    .filter(
      (folder) =>
        readText(join(folder, 'type')) === 'Battery' && readText(join(folder, 'scope')) !== 'Device',
    )
    .map((folder) => readNumber(join(folder, 'capacity')))
    .filter((percent) => percent !== undefined)
  if (charges.length === 0) return undefined
  const mean = charges.reduce((sum, percent) => sum + percent, 0) / charges.length
  return Math.min(100, Math.max(0, mean))
}
