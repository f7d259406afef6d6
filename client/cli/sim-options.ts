/** The rows of the table of options that are about simulations. */
import type { OptionRule } from './option-rule.ts'

export const SIM_OPTIONS = {
  seed: {
    kind: 'text',
    placeholder: 'SEED',
    group: 'Simulation',
    defaultText: 'a random one, printed first',
    about: 'The same seed gives the same run, byte for byte',
  },
  devices: {
    kind: 'count',
    min: 1,
    max: 20_000,
    group: 'Simulation',
    defaultText: 'the scenario’s',
    about: 'Size of the fleet; all classes and arrivals grow or shrink with it',
  },
  duration: {
    kind: 'duration',
    group: 'Simulation',
    defaultText: 'the scenario’s',
    about: 'Virtual time to run; what was planned for after it does not happen',
  },
  variant: {
    kind: 'choice',
    choices: ['covey', 'aedes', 'mosquitto', 'nats', 'nats-cluster'],
    group: 'Simulation',
    defaultText: 'the scenario’s',
    about: 'Which broker is simulated',
  },
  setting: {
    kind: 'list',
    flag: 'set',
    placeholder: 'NAME=VALUE',
    group: 'Simulation',
    about: 'A setting of the agents, like intervalMs=500; milliseconds',
  },
  outages: {
    kind: 'file',
    flag: 'data',
    group: 'Simulation',
    defaultText: 'the file that the scenario names',
    about: 'Record of outages to replay instead, as CSV or CSV in gzip',
  },
  report: {
    kind: 'file',
    group: 'Simulation',
    about: 'Write the report as one HTML page',
  },
  recording: {
    kind: 'file',
    flag: 'trace',
    group: 'Simulation',
    about: 'Record the run, for covey sim replay',
  },
  minutes: {
    kind: 'count',
    min: 1,
    max: 100_000,
    group: 'Simulation',
    defaultText: '1',
    about: 'How long to fuzz',
  },
  jobs: {
    kind: 'count',
    min: 1,
    max: 256,
    group: 'Simulation',
    defaultText: '2',
    about: 'How many processes fuzz side by side',
  },
  fuzzCase: {
    kind: 'text',
    flag: 'case',
    placeholder: 'SEED-N',
    group: 'Simulation',
    about: 'Repeat this one case of the fuzzer',
  },
  keep: {
    kind: 'list',
    placeholder: 'N',
    group: 'Simulation',
    defaultText: 'all',
    about: 'Of the case’s faults only those of these numbers',
  },
} as const satisfies Record<string, OptionRule>
