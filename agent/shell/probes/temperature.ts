/** The hottest sensor of the device, in degrees Celsius. */
import { join } from 'node:path'
import { type Roots, readNames, readNumber, SYSTEM_ROOTS } from './roots.ts'

/** Sensors that are not connected read like absolute zero or far above what a device survives. */
const PLAUSIBLE_MIN = -50
const PLAUSIBLE_MAX = 150

/** `undefined` when the device shows no sensor. */
export function readTemperature(roots: Roots = SYSTEM_ROOTS): number | undefined {
  const thermal = join(roots.sys, 'class/thermal')
  const zones = readNames(thermal)
    .filter((name) => name.startsWith('thermal_zone'))
    .map((name) => join(thermal, name, 'temp'))
  const monitors = join(roots.sys, 'class/hwmon')
  const inputs = readNames(monitors).flatMap((name) =>
    readNames(join(monitors, name))
      .filter((file) => /^temp\d+_input$/.test(file))
      .map((file) => join(monitors, name, file)),
  )
  const degrees = [...zones, ...inputs]
    .map((path) => readNumber(path))
    .filter((milli) => milli !== undefined)
    .map((milli) => milli / 1000)
    .filter((value) => value > PLAUSIBLE_MIN && value < PLAUSIBLE_MAX)
  return degrees.length === 0 ? undefined : Math.max(...degrees)
}
