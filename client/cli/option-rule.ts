/** What there is to say about one option, and how it shows in help texts. */

interface Common {
  /** Default: the key in kebab-case. The same word is the key in the config file. */
  readonly flag?: string
  readonly short?: string
  /** One sentence for help and docs, without a full stop. */
  readonly about: string
  readonly group: Group
  /** The environment variable; absent for what makes sense only in a single call. Those are no config keys either. */
  readonly env?: string
  /** A default that is not a constant, in words. */
  readonly defaultText?: string
}

export type Group =
  | 'Connection'
  | 'Broker'
  | 'Agent'
  | 'Task'
  | 'Mesh'
  | 'Users'
  | 'Demo'
  | 'Simulation'
  | 'Output'
  | 'General'

export type OptionRule = Common &
  (
    | { readonly kind: 'flag' }
    | {
        readonly kind: 'text' | 'id' | 'file' | 'folder' | 'url' | 'web'
        readonly placeholder?: string
        readonly default?: string
      }
    | { readonly kind: 'port'; readonly default?: number }
    | { readonly kind: 'count'; readonly min: number; readonly max: number; readonly default?: number }
    | { readonly kind: 'duration'; readonly default?: number }
    | { readonly kind: 'choice'; readonly choices: readonly string[]; readonly default?: string }
    | { readonly kind: 'list'; readonly placeholder: string }
    | {
        readonly kind: 'pairs' | 'selector' | 'preferences'
        readonly placeholder?: string
      }
    /** `sizes` may name one thing several times. `example`: how it is written, for errors. */
    | { readonly kind: 'quantities' | 'sizes'; readonly placeholder?: string; readonly example?: string }
  )

/** What stands for the value in help texts; empty for a flag without one. */
export function placeholderOf(rule: OptionRule): string {
  if (rule.kind === 'flag') return ''
  if (rule.kind === 'choice') return rule.choices.join('|')
  if ('placeholder' in rule && rule.placeholder !== undefined) return rule.placeholder
  return PLACEHOLDERS[rule.kind]
}

const PLACEHOLDERS = {
  text: 'TEXT',
  id: 'ID',
  file: 'FILE',
  folder: 'FOLDER',
  url: 'URL',
  web: 'URL',
  port: 'PORT',
  count: 'N',
  duration: 'DURATION',
  list: 'NAME',
  pairs: 'KEY=VALUE',
  selector: 'KEY=VALUE',
  preferences: 'KEY=VALUE[:WEIGHT]',
  quantities: 'NAME=AMOUNT',
  sizes: 'NAME=SIZE',
} as const

/** True for options that may be given several times, their values put together. */
export function repeats(rule: OptionRule): boolean {
  return ['pairs', 'selector', 'preferences', 'quantities', 'sizes', 'list'].includes(rule.kind)
}

/** What `--prefer` says once: labels that the device had better have, and how much that counts. */
export interface Preference {
  readonly where: Readonly<Record<string, string | readonly string[]>>
  readonly weight: number
}
