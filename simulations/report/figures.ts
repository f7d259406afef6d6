/** Figures for people, the same on every machine: no locale, three digits that matter. */

/** What is said where nothing was measured. */
export const NOTHING = '–'

/** A count: `12,345`, or with up to two decimals. */
export function formatCount(value: number): string {
  const [whole, decimals] = String(Math.abs(Math.round(value * 100) / 100)).split('.') as [string, string?]
  const grouped = whole.replace(/\B(?=(?:\d{3})+$)/g, ',')
  return `${value < 0 ? '-' : ''}${grouped}${decimals === undefined ? '' : `.${decimals}`}`
}

/** A share from 0 to 1: `42%`, `0.5%`. */
export function formatShare(share: number): string {
  const percent = share * 100
  return `${percent > 0 && percent < 10 ? Math.round(percent * 10) / 10 : Math.round(percent)}%`
}

/** A rate: `3.2/s`. */
export function formatRate(perSecond: number): string {
  return `${formatCount(perSecond)}/s`
}

/** Milliseconds: `240ms`, `1.23s`, `2m 05s`, `1h 04m`, `3d 02h`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return NOTHING
  if (ms < 999.5) return `${Number(ms.toPrecision(3))}ms`
  if (ms < 59_950) return `${Number((ms / 1000).toPrecision(3))}s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3_600) return pair(seconds, 60, 'm', 1, 's')
  if (seconds < 86_400) return pair(seconds, 3_600, 'h', 60, 'm')
  return pair(seconds, 86_400, 'd', 3_600, 'h')
}

/** A moment since the start, to a tenth of a second, without the parts that are 0: `0`, `31.4s`, `2m`, `1h 4m 30s`. */
export function formatMoment(ms: number): string {
  if (ms < 1000) return ms === 0 ? '0' : `${Number(ms.toPrecision(3))}ms`
  const tenths = Math.round(ms / 100)
  const parts: readonly [number, string][] = [
    [Math.floor(tenths / 864_000), 'd'],
    [Math.floor(tenths / 36_000) % 24, 'h'],
    [Math.floor(tenths / 600) % 60, 'm'],
    [(tenths % 600) / 10, 's'],
  ]
  return parts
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join(' ')
}

function pair(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = String(Math.floor((seconds % large) / small)).padStart(2, '0')
  return `${Math.floor(seconds / large)}${largeUnit} ${rest}${smallUnit}`
}

/**
 * The same functions for the page's own script, which cannot import them; a test holds the two together. Inside:
 * `formatCount`, `formatShare`, `formatRate`, `formatMs`, `formatMoment`.
 */
export const FIGURES_SCRIPT = `
const formatCount = (value) => {
  const [whole, decimals] = String(Math.abs(Math.round(value * 100) / 100)).split('.')
  const grouped = whole.replace(/\\B(?=(?:\\d{3})+$)/g, ',')
  return (value < 0 ? '-' : '') + grouped + (decimals === undefined ? '' : '.' + decimals)
}
const formatShare = (share) => {
  const percent = share * 100
  return (percent > 0 && percent < 10 ? Math.round(percent * 10) / 10 : Math.round(percent)) + '%'
}
const formatRate = (perSecond) => formatCount(perSecond) + '/s'
const two = (value) => String(value).padStart(2, '0')
const pair = (seconds, large, largeUnit, small, smallUnit) =>
  Math.floor(seconds / large) + largeUnit + ' ' + two(Math.floor((seconds % large) / small)) + smallUnit
const formatMs = (ms) => {
  if (ms === null) return '${NOTHING}'
  if (ms < 999.5) return Number(ms.toPrecision(3)) + 'ms'
  if (ms < 59950) return Number((ms / 1000).toPrecision(3)) + 's'
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return pair(seconds, 60, 'm', 1, 's')
  if (seconds < 86400) return pair(seconds, 3600, 'h', 60, 'm')
  return pair(seconds, 86400, 'd', 3600, 'h')
}
const formatMoment = (ms) => {
  if (ms < 1000) return ms === 0 ? '0' : Number(ms.toPrecision(3)) + 'ms'
  const tenths = Math.round(ms / 100)
  const parts = [
    [Math.floor(tenths / 864000), 'd'],
    [Math.floor(tenths / 36000) % 24, 'h'],
    [Math.floor(tenths / 600) % 60, 'm'],
    [(tenths % 600) / 10, 's'],
  ]
  return parts.filter(([value]) => value > 0).map(([value, unit]) => value + unit).join(' ')
}
`
