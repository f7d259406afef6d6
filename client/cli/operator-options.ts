/** What operators may say of a mesh and its devices; part of the table in options.ts. */
import { DRAIN_TIMEOUT_MS } from '../drained.ts'
import type { OptionRule } from './option-rule.ts'

export const OPERATOR_OPTIONS = {
  settingsFile: {
    kind: 'file',
    flag: 'file',
    short: 'f',
    group: 'Mesh',
    about: 'File of settings, YAML or JSON, that takes the place of all that is set',
  },
  drainTimeout: {
    kind: 'duration',
    flag: 'timeout',
    group: 'Mesh',
    default: DRAIN_TIMEOUT_MS,
    about: 'How long to wait until nothing runs there; the device stays as it is then',
  },
  wait: {
    kind: 'flag',
    group: 'Mesh',
    defaultText: 'yes',
    about: 'Wait until nothing runs there (--no-wait)',
  },
  holdFor: {
    kind: 'duration',
    flag: 'for',
    group: 'Mesh',
    about: 'How long the hold lasts, at most 365 days; it ends by itself',
  },
  reason: { kind: 'text', group: 'Mesh', about: 'Why, for those who find the device held' },
  holder: {
    kind: 'text',
    flag: 'by',
    placeholder: 'NAME',
    group: 'Mesh',
    defaultText: 'the user name at the broker, or that of this machine',
    about: 'Who holds it',
  },
} as const satisfies Record<string, OptionRule>
