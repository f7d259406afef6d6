/** What `covey run` may say of a task, and where `covey plan` finds some; part of the table in options.ts. */
import { OBJECTIVES, STRATEGIES } from '../../shared/protocol/schemas/index.ts'
import type { OptionRule } from './option-rule.ts'

export const TASK_OPTIONS = {
  where: {
    kind: 'selector',
    group: 'Task',
    about:
      'A label the device must have: arch=arm64, a list arch=arm64|armv7l, a comparison such as cores>=4 or room!=lab',
  },
  prefer: {
    kind: 'preferences',
    group: 'Task',
    about:
      'A label the device had better have, written as for --where, and how much that counts beside other wishes: 1 to 100, otherwise 50',
  },
  group: {
    kind: 'id',
    placeholder: 'NAME',
    group: 'Task',
    about: 'Name that tasks share which are spread, near each other or apart',
  },
  spread: {
    kind: 'text',
    placeholder: 'LABEL',
    group: 'Task',
    about: 'Spread the tasks of its group evenly over the values of this label, such as zone, or device',
  },
  near: {
    kind: 'list',
    placeholder: 'GROUP[:LABEL]',
    group: 'Task',
    about: 'Only where something of the group runs: on the same device, or where this label is the same',
  },
  apart: {
    kind: 'list',
    placeholder: 'GROUP[:LABEL]',
    group: 'Task',
    about: 'Only where nothing of the group runs, and keep it away: by device, or by this label',
  },
  resources: {
    kind: 'quantities',
    group: 'Task',
    defaultText: 'cpu=100m,memory=32Mi',
    about: 'What the task needs; memory that is stated is also its limit',
  },
  timeout: { kind: 'duration', group: 'Task', defaultText: 'the mesh’s, 1h', about: 'How long it may run' },
  retries: {
    kind: 'count',
    min: 0,
    max: 100,
    group: 'Task',
    defaultText: '0',
    about: 'How often it is run again after it failed',
  },
  after: {
    kind: 'list',
    placeholder: 'ID',
    group: 'Task',
    about:
      'Start only when these tasks have succeeded; their output is in its input. Rejected if one ends otherwise',
  },
  exclusive: {
    kind: 'flag',
    group: 'Task',
    about: 'Never let two attempts of it run at the same time; waits longer when something fails',
  },
  taskData: {
    kind: 'sizes',
    flag: 'data',
    placeholder: 'SITE=SIZE',
    example: 'cellar=2Gi',
    group: 'Task',
    about: 'Where data lies that it will fetch, such as cellar=2Gi; devices that are nearer suit it better',
  },
  taskStrategy: {
    kind: 'choice',
    flag: 'strategy',
    choices: STRATEGIES,
    group: 'Task',
    defaultText: 'the mesh’s',
    about: 'Which of the devices with room gets it',
  },
  taskObjective: {
    kind: 'choice',
    flag: 'objective',
    choices: OBJECTIVES,
    group: 'Task',
    defaultText: 'the mesh’s',
    about:
      'What greedy chooses for: most free, fewest devices in use, fewest tasks on each, all done soonest; or data, to be near it',
  },
  taskDuration: {
    kind: 'duration',
    flag: 'duration',
    group: 'Task',
    defaultText: '1m',
    about: 'How long it will run, for planning; no limit',
  },
  priority: { kind: 'count', min: 0, max: 100, group: 'Task', defaultText: '50', about: 'Higher goes first' },
  tenant: {
    kind: 'id',
    group: 'Task',
    defaultText: 'default',
    about: 'Whose work it is, for quotas and fair shares',
  },
  taskId: {
    kind: 'id',
    flag: 'id',
    group: 'Task',
    defaultText: 'a random one',
    about: 'Id of the task; one that is taken is refused',
  },
  function: {
    kind: 'text',
    placeholder: 'NAME',
    group: 'Task',
    about: 'Call a function of that name, which devices with --functions have; its value is printed as JSON',
  },
  wasm: {
    kind: 'text',
    placeholder: 'MODULE',
    group: 'Task',
    about:
      'Run a WebAssembly module: a file, which is put among the artifacts first, or sha256:…; its arguments follow',
  },
  artifact: {
    kind: 'pairs',
    placeholder: 'NAME=FILE',
    group: 'Task',
    about:
      'File that the task finds as NAME in its folder "artifacts": a file, which is put there first, or sha256:…',
  },
  image: {
    kind: 'text',
    placeholder: 'NAME',
    group: 'Task',
    about: 'Run a container of that image; program and arguments take the place of its own command',
  },
  pull: {
    kind: 'choice',
    choices: ['always', 'missing', 'never'],
    group: 'Task',
    defaultText: 'missing',
    about: 'When the image is fetched',
  },
  input: {
    kind: 'text',
    placeholder: 'JSON',
    group: 'Task',
    about:
      'JSON that the command reads on its standard input, or that the function is called with; @FILE takes it from a file, - from standard input',
  },
  array: {
    kind: 'text',
    placeholder: 'FILE',
    group: 'Task',
    about:
      'Runs the command once for each input in the file: a JSON array, or one JSON value a line; - is standard input',
  },
  taskEnv: {
    kind: 'pairs',
    flag: 'env',
    short: 'e',
    group: 'Task',
    about: 'Variable for the command’s environment',
  },
  cwd: { kind: 'folder', group: 'Task', defaultText: 'a fresh one', about: 'Working folder on the device' },
  ttl: {
    kind: 'duration',
    group: 'Task',
    defaultText: '1h',
    about: 'How long its status stays after the end',
  },
  detach: {
    kind: 'flag',
    short: 'd',
    group: 'Task',
    about: 'Print the id once the task is accepted, and leave it',
  },
  follow: {
    kind: 'flag',
    short: 'f',
    group: 'Task',
    defaultText: 'on a terminal',
    about: 'Print output as it comes; otherwise the result’s output at the end (--no-follow)',
  },
  waitTimeout: {
    kind: 'duration',
    group: 'Task',
    env: 'COVEY_WAIT_TIMEOUT',
    default: 24 * 3_600_000,
    about: 'How long to wait for the end; the task itself goes on',
  },
  planFile: {
    kind: 'file',
    flag: 'file',
    short: 'f',
    group: 'Task',
    about: 'File of tasks, YAML or JSON: a mapping from ids to specs, a list of specs, or one spec',
  },
} as const satisfies Record<string, OptionRule>
