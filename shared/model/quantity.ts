/**
 * Quantities as Kubernetes writes them: `"500m"`, `"2"`, `"1.5"`, `"64Mi"`, `"2G"`.
 *
 * Inside Covey a quantity is an integer number of thousandths ("milli"), whatever the resource, so that
 * sums and comparisons of reservations are exact. 2^53 thousandths of a byte are 9 TB; above that a value
 * is rounded to a few thousandths, which no comparison of whole bytes can notice.
 */
const FORM = /^\d{1,15}(?:\.\d{1,9})?(?:m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/

/** The code of "9": those of the letters of units are above it. */
const NINE = 0x39

const FACTORS: Record<string, number> = {
  m: 1,
  '': 1e3,
  k: 1e6,
  M: 1e9,
  G: 1e12,
  T: 1e15,
  P: 1e18,
  Ki: 1e3 * 2 ** 10,
  Mi: 1e3 * 2 ** 20,
  Gi: 1e3 * 2 ** 30,
  Ti: 1e3 * 2 ** 40,
  Pi: 1e3 * 2 ** 50,
}

/** Reads a quantity into thousandths; `undefined` when it is not one. Requests round up, never to less. */
export function parseQuantity(text: string | number): number | undefined {
  if (typeof text === 'number') {
    return Number.isFinite(text) && text >= 0 ? Math.ceil(text * 1000) : undefined
  }
  // Tested and then cut, since the groups of a match leave much behind, and every task comes with quantities.
  if (!FORM.test(text)) return undefined
  let digits = text.length
  while (text.charCodeAt(digits - 1) > NINE) digits--
  const factor = FACTORS[text.slice(digits)] as number
  return Math.ceil(roundNoise(Number(text.slice(0, digits)) * factor))
}

/** Takes away the last binary digits of a decimal product, so that "0.07" is 70 thousandths and not 71. */
function roundNoise(value: number): number {
  const nearest = Math.round(value)
  return Math.abs(value - nearest) < 1e-6 ? nearest : value
}

const BINARY: readonly [string, number][] = [
  ['Ti', 2 ** 40],
  ['Gi', 2 ** 30],
  ['Mi', 2 ** 20],
  ['Ki', 2 ** 10],
]

const DECIMAL: readonly [string, number][] = [
  ['T', 1e12],
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
]

/**
 * Writes thousandths for people: bytes with binary units for `memory` and `disk`, bits a second with decimal ones for
 * `network`, else plain or with `m`.
 */
export function formatQuantity(resource: string, milli: number): string {
  return write(resource, milli, (tenths) => Math.round(tenths))
}

/** As `formatQuantity`, of what is needed: what is written is never less. */
export function formatNeed(resource: string, milli: number): string {
  return write(resource, milli, (tenths) => Math.ceil(tenths))
}

function write(resource: string, milli: number, whole: (tenths: number) => number): string {
  const units =
    resource === 'network' ? DECIMAL : resource === 'memory' || resource === 'disk' ? BINARY : undefined
  if (units !== undefined) {
    const amount = milli / 1000
    for (const [unit, size] of units) {
      if (amount >= size) {
        const value = amount / size
        return `${Number.isInteger(value) ? value : (whole(value * 10) / 10).toFixed(1)}${unit}`
      }
    }
    return `${Math.ceil(amount)}`
  }
  return milli % 1000 === 0 ? `${milli / 1000}` : `${milli}m`
}
