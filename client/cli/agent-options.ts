/** The options of an agent: what the device is, and what it runs. */
import type { OptionRule } from './option-rule.ts'

export const AGENT_OPTIONS = {
  deviceId: {
    kind: 'id',
    flag: 'id',
    group: 'Agent',
    env: 'COVEY_ID',
    defaultText: 'the host name',
    about: 'Id of this device in the mesh',
  },
  label: {
    kind: 'pairs',
    group: 'Agent',
    env: 'COVEY_LABEL',
    about: 'What tells this device apart, for --where; arch, os, hostname and kernel are set already',
  },
  capacity: {
    kind: 'quantities',
    group: 'Agent',
    env: 'COVEY_CAPACITY',
    defaultText: 'what the machine has',
    about: 'What the device offers, like cpu=2,memory=1Gi',
  },
  executors: {
    kind: 'list',
    placeholder: 'NAME',
    group: 'Agent',
    env: 'COVEY_EXECUTORS',
    defaultText: 'all it can',
    about: 'Which kinds of work the device takes: exec, function, container',
  },
  functions: {
    kind: 'file',
    group: 'Agent',
    env: 'COVEY_FUNCTIONS',
    about: 'JavaScript module whose exported functions the device offers to tasks',
  },
  containerEngine: {
    kind: 'text',
    placeholder: 'PROGRAM',
    group: 'Agent',
    env: 'COVEY_CONTAINER_ENGINE',
    defaultText: 'podman, or else docker',
    about: 'What runs containers',
  },
  containerGlobal: {
    kind: 'list',
    placeholder: 'OPTION',
    group: 'Agent',
    env: 'COVEY_CONTAINER_GLOBAL',
    about: 'Option of every call of the engine, like --container-global=--runtime=runc',
  },
  containerOption: {
    kind: 'list',
    placeholder: 'OPTION',
    group: 'Agent',
    env: 'COVEY_CONTAINER_OPTION',
    about: 'Option of every container, like --container-option=--network=none',
  },
  cpuLimit: {
    kind: 'choice',
    choices: ['share', 'quota'],
    group: 'Agent',
    env: 'COVEY_CPU_LIMIT',
    default: 'share',
    about: 'How the cpu that a task states is held: its share when others compete, or never more',
  },
  coordinator: {
    kind: 'choice',
    choices: ['auto', 'never', 'prefer'],
    group: 'Agent',
    env: 'COVEY_COORDINATOR',
    default: 'auto',
    about: 'Whether this agent may become coordinator',
  },
} as const satisfies Record<string, OptionRule>
