/** Commands of those who run a mesh: its settings, and what is wanted of devices; part of the table in commands.ts. */
import { CONNECTION, type CommandRule, GENERAL } from './command-rule.ts'

const DEVICES_MAX = 1_000
const ON_DEVICES = { operands: 'DEVICE…', operandsMin: 1, operandsMax: DEVICES_MAX } as const

export const OPERATOR_COMMANDS = {
  config: {
    summary: 'Show the settings of the mesh, or change some of them',
    operands: '[set KEY=VALUE… | unset KEY…]',
    operandsMin: 0,
    operandsMax: 1_000,
    options: ['settingsFile', 'json', ...CONNECTION, ...GENERAL],
    notes: [
      'set changes what it names and leaves the rest; unset brings back the default; -f takes the place of everything, and a file with {} unsets all',
      'Parts are named with dots: tenants.lab.weight=2, defaultLink.bandwidth=1G. A VALUE is read as YAML, so lists and mappings can be written in braces, with a space after each colon',
      'All is checked as the coordinator checks it, before anything is sent',
      'A change that comes in between from somewhere else is kept; this is no lock, and of two files the later one stands',
      'With --json it prints {"set","effective"}: what is set, and the same with defaults filled in',
    ],
    examples: [
      'covey config',
      'covey config set strategy=best-fit highMark=0.8 tenants.lab.quota.cpu=8',
      "covey config set 'links=[{between: [cellar, roof], latency: 20ms, bandwidth: 100M}]'",
      'covey config unset highMark tenants.lab',
      'covey config -f mesh.yaml',
    ],
  },
  cordon: {
    summary: 'Place nothing new on devices; what runs there goes on',
    ...ON_DEVICES,
    options: ['json', ...CONNECTION, ...GENERAL],
    examples: ['covey cordon pi-7', 'covey cordon pi-7 pi-8'],
  },
  uncordon: {
    summary: 'Open devices again that were cordoned or drained',
    ...ON_DEVICES,
    options: ['json', ...CONNECTION, ...GENERAL],
    notes: ['A hold is left; covey release ends it'],
    examples: ['covey uncordon pi-7'],
  },
  drain: {
    summary: 'Move away what runs on devices, place nothing new there, and wait until they are empty',
    ...ON_DEVICES,
    options: ['drainTimeout', 'wait', 'json', ...CONNECTION, ...GENERAL],
    notes: [
      'What runs is told to end, gets its grace for that, and is placed elsewhere; it waits where no other device can take it',
      'Empty is what tells so in two heartbeats in a row. Exit code 1 when one is not in time, or offline: it stays draining',
      'Ctrl-C ends the waiting; covey uncordon ends the drain',
    ],
    examples: ['covey drain pi-7', 'covey drain pi-7 --timeout 30s', 'covey drain pi-7 pi-8 --no-wait'],
  },
  hold: {
    summary: 'Place nothing new on devices for a time, and say who wants that and why',
    ...ON_DEVICES,
    options: ['holdFor', 'reason', 'holder', 'json', ...CONNECTION, ...GENERAL],
    notes: [
      'What runs there goes on. The hold ends by itself, by the clock of the coordinator',
      'A hold of the same holder is replaced; one of another is refused until it is over or released',
    ],
    examples: ['covey hold pi-7 --for 2h --reason "new SD card"'],
  },
  release: {
    summary: 'End the hold on devices before its time, whoever holds them',
    ...ON_DEVICES,
    options: ['json', ...CONNECTION, ...GENERAL],
    examples: ['covey release pi-7'],
  },
} as const satisfies Record<string, CommandRule>
