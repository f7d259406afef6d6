/** The table of commands: what each is for, which options it takes, and where its code is. */
import type { OptionName } from './options.ts'

export interface CommandRule {
  readonly summary: string
  /** What follows `covey NAME [options]`. */
  readonly operands: string
  readonly operandsMin: number
  readonly operandsMax: number
  /** Options end at the first operand, so that the rest can be another command with options of its own. */
  readonly passesOn?: boolean
  readonly options: readonly OptionName[]
  readonly notes?: readonly string[]
  readonly examples: readonly string[]
}

const CONNECTION = ['broker', 'mesh', 'username', 'password', 'passwordFile', 'ca', 'connectTimeout'] as const
const SENDING = [...CONNECTION, 'artifacts'] as const
const GENERAL = ['config', 'help'] as const
const SERVING = ['host', 'port', 'wsPort', 'metricsPort', 'durability', 'passwords', 'insecure'] as const
const WORKING = [
  'deviceId',
  'label',
  'capacity',
  'loadOf',
  'executors',
  'functions',
  'containerEngine',
  'containerGlobal',
  'containerOption',
  'cpuLimit',
  'execLimits',
  'coordinator',
  'artifacts',
] as const

export const COMMANDS = {
  up: {
    summary: 'Start a broker and an agent in one process: a mesh of one device',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [
      'mesh',
      ...SERVING,
      ...WORKING,
      'username',
      'password',
      'passwordFile',
      'data',
      'logLevel',
      'json',
      ...GENERAL,
    ],
    notes: [
      'Other devices join with covey agent --broker mqtt://THIS-MACHINE:1883; for them give --host 0.0.0.0 and --passwords here',
      'For TLS start covey broker and covey agent by themselves',
    ],
    examples: ['covey up', 'covey up --port 0 --label room=attic'],
  },
  broker: {
    summary: 'Start the MQTT broker',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [...SERVING, 'tlsCert', 'tlsKey', 'data', 'logLevel', 'json', ...GENERAL],
    notes: ['Any MQTT 3.1.1 broker will do instead, such as Mosquitto or NATS'],
    examples: [
      'covey broker',
      'covey broker --host 0.0.0.0 --passwords users --tls-cert cert.pem --tls-key key.pem',
    ],
  },
  agent: {
    summary: 'Make this machine a device of the mesh',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [...CONNECTION, ...WORKING, 'data', 'logLevel', 'json', ...GENERAL],
    notes: ['An unreachable broker is no end: the agent goes on trying'],
    examples: ['covey agent --broker mqtt://192.168.1.10 --label room=attic --capacity cpu=2,memory=1Gi'],
  },
  run: {
    summary:
      'Run a command, function, container or module on a device that suits it; print its output, exit with its exit code',
    operands: '[--] [PROGRAM [ARG…]]',
    operandsMin: 0,
    operandsMax: Number.POSITIVE_INFINITY,
    passesOn: true,
    options: [
      'where',
      'prefer',
      'group',
      'spread',
      'near',
      'apart',
      'resources',
      'timeout',
      'retries',
      'taskData',
      'taskStrategy',
      'taskObjective',
      'taskDuration',
      'priority',
      'tenant',
      'after',
      'exclusive',
      'taskId',
      'function',
      'image',
      'pull',
      'wasm',
      'artifact',
      'input',
      'array',
      'taskEnv',
      'cwd',
      'ttl',
      'detach',
      'follow',
      'waitTimeout',
      'json',
      ...SENDING,
      ...GENERAL,
    ],
    notes: [
      'What to run is a program, a function (--function), an image (--image) with a program or its own, or a module (--wasm)',
      'No shell is involved: for pipes and variables run sh -c "…"',
      'With --no-follow, and wherever standard output is not a terminal, exactly the result’s output is printed',
      'With --array each element’s output is printed when it has ended; with --json one result a line, then the status. The exit code is 0 only if every element succeeded',
      'Ctrl-C withdraws the task and waits for its end; a second Ctrl-C leaves at once',
    ],
    examples: [
      'covey run -- uname -a',
      'covey run --where arch=arm64 --resources cpu=1,memory=256Mi --timeout 5m -- ./train.sh',
      'covey run --where arch=x64 --prefer disk=ssd:80 --prefer room=attic:20 -- make',
      'covey run --group web --spread zone --apart batch -- ./serve.sh',
      'covey run --input \'{"n":3}\' -- jq .n',
      'covey run --after fetch-x7k2,unpack-9qd4 -- make',
      'covey run --function resize --input \'{"width":640}\'',
      'covey run --image docker.io/library/alpine:3 -- cat /etc/os-release',
      'covey run --wasm ./count.wasm -- --words',
      'covey run --artifact model.bin=./model.bin -- ./infer.sh artifacts/model.bin',
      'covey run --array photos.ndjson --retries 2 -- ./thumbnail.sh',
    ],
  },
  get: {
    summary: 'List devices or tasks, show one task or the coordinator',
    operands: 'devices | tasks | task ID | coordinator',
    operandsMin: 1,
    operandsMax: 2,
    options: ['json', 'watch', 'load', ...CONNECTION, ...GENERAL],
    examples: ['covey get devices --load', 'covey get tasks --watch', 'covey get task uname-x7k2 --json'],
  },
  explain: {
    summary: 'Say where a task stands and why',
    operands: 'TASK',
    operandsMin: 1,
    operandsMax: 1,
    options: ['history', 'json', ...CONNECTION, ...GENERAL],
    notes: [
      'The history is of the last 8 decisions at most: where it was placed, why it waited, was moved or rerouted, how it ended',
    ],
    examples: ['covey explain uname-x7k2', 'covey explain uname-x7k2 --history'],
  },
  plan: {
    summary: 'Say where tasks would go now, without running them',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: ['planFile', 'json', ...CONNECTION, ...GENERAL],
    notes: [
      'The scheduler itself decides, over what the mesh tells now: devices, their load, what is placed and what waits already',
      'A task that is after others is looked at as if they had succeeded; elements of arrays that run already are not seen',
      'Exit code 0 means that every task would be placed, 1 that one would not',
    ],
    examples: ['covey plan -f tasks.yaml', 'covey plan -f tasks.yaml --json'],
  },
  cancel: {
    summary: 'Withdraw a task and wait until it has ended',
    operands: 'TASK',
    operandsMin: 1,
    operandsMax: 1,
    options: ['json', ...CONNECTION, ...GENERAL],
    examples: ['covey cancel uname-x7k2'],
  },
  artifact: {
    summary: 'Put files where devices find them by their digest; list or remove them',
    operands: 'put FILE… | list | remove DIGEST…',
    operandsMin: 1,
    operandsMax: 100,
    options: ['json', ...SENDING, ...GENERAL],
    notes: [
      'put prints the digest, sha256:…, by which tasks name the file; what is there already is not sent again',
      'The broker keeps artifacts until they are removed; with --passwords devices read, submitters put, operators remove',
    ],
    examples: ['covey artifact put count.wasm', 'covey artifact list --json'],
  },
  events: {
    summary: 'Stream the coordinator’s decisions and their reasons until Ctrl-C',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: ['follow', 'json', ...CONNECTION, ...GENERAL],
    notes: [
      'Events are not kept anywhere, so there is nothing but following: --follow is understood and changes nothing',
    ],
    examples: ['covey events --json | jq .message'],
  },
  passwd: {
    summary: 'Add or change a user in a password file of the broker',
    operands: 'FILE USER',
    operandsMin: 2,
    operandsMax: 2,
    options: ['role', 'device', 'onlyMesh', 'remove', ...GENERAL],
    notes: [
      'The password is asked for without echo, or read as one line from standard input when that is no terminal',
    ],
    examples: ['covey passwd users ann --role operator', 'covey passwd users pi-1 --role coordinator'],
  },
  demo: {
    summary: 'Run real work on five agents, kill some of them and the broker, and check that nothing is lost',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: ['folder', 'files', 'kill', 'demoTimeout', 'json', ...GENERAL],
    notes: [
      'It starts a broker and the agents on free ports of this machine, and takes everything away again',
      'Exit code 0 means that every task ended exactly once with the right result, and no exclusive one was seen to run twice at the same time',
    ],
    examples: ['covey demo', 'covey demo --folder ~/notes --kill worker'],
  },
  sim: {
    summary: 'Simulate meshes in virtual time: scenarios, fuzzing, replays, comparisons; or for real',
    operands: 'list | run | live | fuzz | replay | compare [WORD…]',
    operandsMin: 1,
    operandsMax: 4,
    options: [
      'seed',
      'devices',
      'duration',
      'variant',
      'strategy',
      'setting',
      'outages',
      'report',
      'recording',
      'calibrate',
      'calibration',
      'minutes',
      'cases',
      'jobs',
      'fuzzCase',
      'keep',
      'json',
      'help',
    ],
    notes: [
      'Words follow run SCENARIO, live SCENARIO, replay TRACE and compare SCENARIO A B; list and fuzz take none',
      'SCENARIO is a name that covey sim list shows, or a file of your own like ./mine.yaml',
      'A and B are settings like intervalMs=500, variant=nats, strategy=best-fit or objective=packing; several are joined by commas',
      'Exit code 0 means that every expectation was met and no invariant broken, 1 that not, 2 that the scenario or the command line is wrong',
      'live runs it in real time with real connections, agents, processes and a real broker: covey, or mosquitto if that is installed',
      'Ctrl-C ends a run early with a report of the part that ran',
    ],
    examples: [
      'covey sim run factory-line --report line.html',
      'covey sim run ./mine.yaml --seed 7 --devices 200',
      'covey sim compare rolling-power-cut intervalMs=500 intervalMs=2000',
      'covey sim live ./mine.yaml --devices 50 --variant mosquitto',
      'covey sim fuzz --minutes 10 --jobs 2',
    ],
  },
  version: {
    summary: 'Print the version',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: ['json', 'help'],
    examples: ['covey version'],
  },
  help: {
    summary: 'Show help, of everything or of one command',
    operands: '[COMMAND]',
    operandsMin: 0,
    operandsMax: 1,
    options: ['help'],
    examples: ['covey help run'],
  },
} as const satisfies Record<string, CommandRule>

export type CommandName = keyof typeof COMMANDS
export type OptionsOf<C extends CommandName> = (typeof COMMANDS)[C]['options'][number]

/** The rule of a command with the optional parts in its type. */
export function commandRule(name: CommandName): CommandRule {
  return COMMANDS[name]
}

/** True when the word is a command. */
export function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word)
}
