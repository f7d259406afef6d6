/**
 * The one table of options. Flags, environment variables, keys of the config file, help texts and docs/cli.md are
 * all derived from it; commands.ts says which command takes which.
 */

import { DEFAULT_BROKER } from '../broker-url.ts'
import { AGENT_OPTIONS } from './agent-options.ts'
import { OPERATOR_OPTIONS } from './operator-options.ts'
import type { OptionRule, Preference } from './option-rule.ts'
import { SIM_OPTIONS } from './sim-options.ts'
import { TASK_OPTIONS } from './task-options.ts'

export const OPTIONS = {
  // Connection
  broker: {
    kind: 'url',
    group: 'Connection',
    env: 'COVEY_BROKER',
    default: DEFAULT_BROKER,
    about: 'Address of the broker: mqtt://, mqtts://, ws:// or wss://',
  },
  mesh: {
    kind: 'id',
    placeholder: 'NAME',
    group: 'Connection',
    env: 'COVEY_MESH',
    default: 'home',
    about: 'Name of the mesh',
  },
  username: {
    kind: 'text',
    placeholder: 'NAME',
    group: 'Connection',
    env: 'COVEY_USERNAME',
    about: 'User name at the broker',
  },
  password: {
    kind: 'text',
    placeholder: 'TEXT',
    group: 'Connection',
    env: 'COVEY_PASSWORD',
    about: 'Password; other users of this machine can see flags, so prefer the variable or --password-file',
  },
  passwordFile: {
    kind: 'file',
    group: 'Connection',
    env: 'COVEY_PASSWORD_FILE',
    about: 'File whose first line is the password',
  },
  ca: {
    kind: 'file',
    group: 'Connection',
    env: 'COVEY_CA',
    defaultText: 'the system’s',
    about: 'Certificate of the authority to trust for mqtts:// and wss://, PEM',
  },
  artifacts: {
    kind: 'web',
    group: 'Connection',
    env: 'COVEY_ARTIFACT_SERVER',
    defaultText: 'the broker',
    about:
      'Web server of artifacts in place of the broker; it gets only the user and password in this address',
  },
  connectTimeout: {
    kind: 'duration',
    group: 'Connection',
    env: 'COVEY_CONNECT_TIMEOUT',
    default: 5_000,
    about: 'How long the broker may take to answer',
  },

  // Broker. COVEY_PORT and the like are not used: Kubernetes sets them for a service of that name.
  host: {
    kind: 'text',
    placeholder: 'ADDRESS',
    group: 'Broker',
    env: 'COVEY_LISTEN_HOST',
    default: '127.0.0.1',
    about: 'Address to listen at; beyond this machine it takes --passwords or --insecure',
  },
  port: {
    kind: 'port',
    group: 'Broker',
    env: 'COVEY_LISTEN_PORT',
    defaultText: '1883, with TLS 8883',
    about: 'Port for MQTT; 0 picks a free one',
  },
  wsPort: {
    kind: 'port',
    group: 'Broker',
    env: 'COVEY_LISTEN_WS_PORT',
    defaultText: 'no WebSocket',
    about: 'Port for MQTT over WebSocket; 0 picks a free one',
  },
  metricsPort: {
    kind: 'port',
    group: 'Broker',
    env: 'COVEY_LISTEN_METRICS_PORT',
    defaultText: 'no metrics',
    about: 'Port for metrics over HTTP, on loopback; 0 picks a free one',
  },
  data: {
    kind: 'folder',
    group: 'General',
    env: 'COVEY_DATA',
    defaultText: '~/.local/share/covey/…',
    about: 'Folder for what must survive a restart',
  },
  durability: {
    kind: 'choice',
    choices: ['process', 'power'],
    group: 'Broker',
    env: 'COVEY_DURABILITY',
    default: 'process',
    about: 'What an acknowledged message survives: the death of the broker, or a power cut too (slower)',
  },
  passwords: {
    kind: 'file',
    group: 'Broker',
    env: 'COVEY_PASSWORDS',
    about: 'File of users, made with covey passwd; turns access rules on',
  },
  insecure: {
    kind: 'flag',
    group: 'Broker',
    env: 'COVEY_INSECURE',
    about: 'Listen beyond this machine without credentials',
  },
  tlsCert: {
    kind: 'file',
    group: 'Broker',
    env: 'COVEY_TLS_CERT',
    about: 'Certificate chain, PEM; turns TLS on, together with --tls-key',
  },
  tlsKey: { kind: 'file', group: 'Broker', env: 'COVEY_TLS_KEY', about: 'Key of the certificate, PEM' },

  // Agent
  ...AGENT_OPTIONS,
  logLevel: {
    kind: 'choice',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    group: 'General',
    env: 'COVEY_LOG_LEVEL',
    default: 'info',
    about: 'What is logged to standard error',
  },

  // Users
  role: {
    kind: 'choice',
    choices: ['device', 'coordinator', 'submitter', 'operator'],
    group: 'Users',
    about:
      'What the user may do: be a device, be one that may become coordinator, submit tasks, or all that people do',
  },
  device: {
    kind: 'id',
    group: 'Users',
    defaultText: 'the user’s name',
    about: 'The device that a user of role device or coordinator is',
  },
  onlyMesh: {
    kind: 'id',
    flag: 'mesh',
    placeholder: 'NAME',
    group: 'Users',
    defaultText: 'all',
    about: 'The only mesh the user may work in',
  },
  remove: { kind: 'flag', group: 'Users', about: 'Remove the user instead' },

  // Task
  ...TASK_OPTIONS,

  // Mesh
  ...OPERATOR_OPTIONS,

  // Demo
  folder: {
    kind: 'folder',
    group: 'Demo',
    defaultText: 'Covey’s own',
    about: 'Folder whose files are the work; node_modules, .git and dist are left out',
  },
  files: {
    kind: 'count',
    min: 1,
    max: 2_000,
    group: 'Demo',
    default: 80,
    about: 'How many of its files are taken at most, each of at most 1 MiB',
  },
  kill: {
    kind: 'choice',
    choices: ['all', 'worker', 'coordinator', 'broker'],
    group: 'Demo',
    default: 'all',
    about: 'What is killed: an agent at work, then the coordinator, then the broker; or only one of them',
  },
  demoTimeout: {
    kind: 'duration',
    flag: 'timeout',
    group: 'Demo',
    default: 120_000,
    about: 'How long it may take; what is missing then is named',
  },

  // Simulation
  ...SIM_OPTIONS,

  // Output
  json: { kind: 'flag', group: 'Output', about: 'Write JSON, errors included' },
  watch: { kind: 'flag', short: 'w', group: 'Output', about: 'Go on with every change until Ctrl-C' },
  history: { kind: 'flag', group: 'Output', about: 'Show what was decided about the task and when' },
  load: { kind: 'flag', group: 'Output', about: 'Wait for a heartbeat, and show the measured load' },

  // General
  config: {
    kind: 'file',
    group: 'General',
    defaultText: './covey.yaml, ~/.config/covey/config.yaml',
    about: 'Options in YAML or JSON; keys are named like flags',
  },
  help: { kind: 'flag', short: 'h', group: 'General', about: 'Show help' },
} as const satisfies Record<string, OptionRule>

export type OptionName = keyof typeof OPTIONS

type Rule<N extends OptionName> = (typeof OPTIONS)[N]
type Written<R> = R extends { kind: 'flag' }
  ? boolean
  : R extends { kind: 'port' | 'count' | 'duration' }
    ? number
    : R extends { kind: 'choice'; choices: readonly (infer C)[] }
      ? C
      : R extends { kind: 'list' }
        ? readonly string[]
        : R extends { kind: 'pairs' | 'quantities' }
          ? Readonly<Record<string, string>>
          : R extends { kind: 'sizes' }
            ? readonly (readonly [name: string, size: string])[]
            : R extends { kind: 'selector' }
              ? Readonly<Record<string, string | readonly string[]>>
              : R extends { kind: 'preferences' }
                ? readonly Preference[]
                : string

/** Durations are in milliseconds. */
export type OptionValue<N extends OptionName> = Written<Rule<N>>

/** The settings of one call; what nobody set and has no constant default is absent. */
export type Values<N extends OptionName = OptionName> = {
  readonly [K in N as Rule<K> extends { default: unknown } ? K : never]: OptionValue<K>
} & { readonly [K in N as Rule<K> extends { default: unknown } ? never : K]?: OptionValue<K> }

/** The rule of an option with the optional parts in its type. */
export function ruleOf(name: OptionName): OptionRule {
  return OPTIONS[name]
}

/** The flag without its dashes; also the key in a config file. */
export function flagOf(name: OptionName): string {
  return ruleOf(name).flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
