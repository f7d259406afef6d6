/**
 * The one table of error codes. A code never changes its meaning; `docs/errors.md` is kept in step by a test.
 *
 * `remedy` says what would be right. Text in a rejection may be more exact than the table's; the code is
 * what programs compare.
 */
export interface ErrorEntry {
  readonly about: string
  readonly remedy: string
  /** Whether sending the same thing again, unchanged, may succeed. */
  readonly retry: boolean
}

export const ERRORS = {
  E_NOT_JSON: {
    about: 'A payload is not JSON in UTF-8',
    remedy: 'Send one JSON object',
    retry: false,
  },
  E_SHAPE: {
    about: 'A field has the wrong type or form, or a required one is missing',
    remedy: 'Compare the named path with docs/protocol.md',
    retry: false,
  },
  E_UNKNOWN_FIELD: {
    about: 'A field that the protocol does not know',
    remedy: 'Remove it, or correct its spelling',
    retry: false,
  },
  E_UNIT: {
    about: 'A quantity or duration that cannot be read',
    remedy: 'Write quantities like "500m", "2", "64Mi" and durations like "500ms", "30s", "5m", "1h"',
    retry: false,
  },
  E_TOO_LARGE: {
    about: 'A payload exceeds the limit of its topic',
    remedy: 'Make it smaller; the limits stand in docs/protocol.md',
    retry: false,
  },
  E_ID: {
    about: 'An id is not well formed',
    remedy: 'Use 1 to 64 letters, digits, "_" and "-", the first a letter or digit',
    retry: false,
  },
  E_CONTRADICTION: {
    about: 'A task asks for what can never hold, whatever devices there are; the message says what',
    remedy: 'Change what the named path says, or what contradicts it',
    retry: false,
  },
  E_EXECUTOR: {
    about: 'No executor of that name exists',
    remedy: 'Use one of: exec, function, container, wasm',
    retry: false,
  },
  E_NO_FUNCTION: {
    about: 'The device has no function of that name',
    remedy: 'Correct the name, or export it from the module that the agent was given with --functions',
    retry: false,
  },
  E_OVERWRITTEN: {
    about: 'The spec of a task was replaced by other content and the first is lost',
    remedy: 'Submit the new content under a new id; a spec is immutable',
    retry: false,
  },
  E_ID_TAKEN: {
    about: 'A task of that id with other content exists',
    remedy: 'Use a new id; a spec is immutable',
    retry: false,
  },
  E_PENDING_MAX: {
    about: 'More tasks wait than the mesh allows',
    remedy: 'Submit later, or raise pendingTasksMax in the mesh config',
    retry: true,
  },
  E_TENANT_TASKS_MAX: {
    about: 'The tenant has more unfinished tasks than the mesh allows it',
    remedy: 'Submit later, or raise its tasksMax in the mesh config',
    retry: true,
  },
  E_QUOTA: {
    about: 'The quota of the tenant has no room for the task',
    remedy: 'Submit later, ask for less, or raise its quota in the mesh config',
    retry: true,
  },
  E_QUOTA_SIZE: {
    about: 'A task asks for more than the whole quota of its tenant',
    remedy: 'Ask for less, or raise the quota in the mesh config',
    retry: false,
  },
  E_CYCLE: {
    about: 'A task is after a task that is, directly or through others, after it',
    remedy: 'Submit it under a new id, without what closes the cycle in "after"',
    retry: false,
  },
  E_PREDECESSOR_UNKNOWN: {
    about: 'A task that it is after is not known, or is no longer',
    remedy:
      'Submit both close together; give predecessors a longer ttl, or raise predecessorWait in the mesh config',
    retry: true,
  },
  E_PREDECESSOR_FAILED: {
    about:
      'A task that it is after, directly or through others, did not succeed; the message says which, and why',
    remedy: 'Correct that one, and submit it and what is after it under new ids',
    retry: false,
  },
  E_CAPACITY: {
    about: 'A device refused work that exceeds what it has left',
    remedy: 'None needed: the task is placed elsewhere',
    retry: true,
  },
  E_NOT_HELD: {
    about: 'A device was told to end an attempt that it does not hold',
    remedy: 'None needed: the attempt is over',
    retry: false,
  },
  E_LEASE: {
    about:
      'Exclusive work was ended, or not begun, because the coordinator had not heard its device for the lease',
    remedy: 'None needed: it is placed again; see whether the device’s connection is steady',
    retry: true,
  },
  E_JOURNAL: {
    about: 'A device could not write its journal',
    remedy: 'Free disk space in the agent’s data folder, or make it writable',
    retry: true,
  },
  E_NOT_FOUND: {
    about: 'The command does not exist on the device or may not be executed',
    remedy: 'Install it there, correct argv[0], or choose devices with a label',
    retry: false,
  },
  E_START: {
    about: 'The device could not start the command',
    remedy: 'See the message; the system refused the process',
    retry: true,
  },
  E_EXIT: {
    about: 'The command ended with a code other than 0',
    remedy: 'See its output in the result',
    retry: true,
  },
  E_SIGNAL: {
    about: 'The command was ended by a signal',
    remedy: 'See its output in the result',
    retry: true,
  },
  E_FUNCTIONS: {
    about: 'The module of functions that the agent was given cannot be used',
    remedy: 'Correct the module or --functions; node FILE shows whether it loads',
    retry: false,
  },
  E_FUNCTION: {
    about: 'A function threw, or ended its thread',
    remedy: 'See the message, and the stack in the result’s stderr',
    retry: true,
  },
  E_INPUT: {
    about: 'The input does not match the schema that the function carries',
    remedy: 'Compare it with the function’s schema',
    retry: false,
  },
  E_VALUE: {
    about: 'A function returned what JSON cannot hold',
    remedy: 'Return null, booleans, finite numbers, text, and lists and plain objects of them',
    retry: false,
  },
  E_VALUE_SIZE: {
    about: 'A function returned more than a result can carry',
    remedy: 'Put large output where others can fetch it, and return its name',
    retry: false,
  },
  E_MEMORY: {
    about: 'The task used more memory than its limit',
    remedy: 'Raise resources.memory, or make the work smaller',
    retry: false,
  },
  E_IMAGE: {
    about: 'The image is not on the device and cannot be fetched',
    remedy: 'Correct its name, log the engine in to its registry, or load it on the device',
    retry: true,
  },
  E_ENGINE: {
    about: 'The container engine of the device cannot be used',
    remedy:
      'Install podman or docker, correct --container-engine and its options, or take container out of --executors',
    retry: false,
  },
  E_ARTIFACT: {
    about: 'An artifact cannot be had; the message says why',
    remedy: 'Put it with "covey artifact put FILE"; see whether its server is up and --artifacts names it',
    retry: true,
  },
  E_ARTIFACT_DIGEST: {
    about: 'What was sent as an artifact is not what its name says',
    remedy: 'Name an artifact by the SHA-256 of its content, as "covey artifact put FILE" prints it',
    retry: true,
  },
  E_MODULE: {
    about: 'A WebAssembly module cannot be run; the message says why',
    remedy: 'Build it as a command for WASI preview 1, such as wasm32-wasip1',
    retry: false,
  },
  E_TRAP: {
    about: 'A WebAssembly module trapped',
    remedy: 'See the message, and the stack in the result’s stderr',
    retry: true,
  },
  E_TIMEOUT: {
    about: 'The task ran longer than its timeout',
    remedy: 'Raise timeout, or make the work smaller',
    retry: true,
  },
  E_INTERRUPTED: {
    about: 'The agent restarted while the task ran; what was left of it was ended',
    remedy: 'None needed: it counts as a lost attempt and is run again',
    retry: true,
  },
  E_LOST: {
    about: 'The devices that ran the task were lost more often than retries.lost allows',
    remedy: 'See whether the task brings devices down; raise retries.lost',
    retry: true,
  },
  E_ELEMENTS: {
    about: 'Elements of the array did not succeed',
    remedy: 'See the errors in the status and the results; submit those elements again',
    retry: true,
  },
  E_DEADLINE: {
    about: 'The task did not end before its deadline, or came after it',
    remedy: 'Submit earlier, raise its priority, or add capacity',
    retry: false,
  },
  E_BROKER_UNREACHABLE: {
    about: 'No broker answers at the address',
    remedy: 'Start one with "covey broker", or correct --broker',
    retry: true,
  },
  E_BROKER_REFUSED: {
    about: 'The broker refused the connection',
    remedy: 'Check user name, password and role',
    retry: false,
  },
  E_INSECURE: {
    about: 'The broker would listen beyond this machine without credentials',
    remedy: 'Give --passwords FILE, or say --insecure if the network is trusted',
    retry: false,
  },
  E_STORE_CORRUPT: {
    about: 'The store did not pass its check when it was opened',
    remedy: 'Restore a copy, or move the folder away to start empty; agents report what they hold',
    retry: false,
  },
  E_STORE_VERSION: {
    about: 'The store was written by another version',
    remedy: 'Run that version, or move the folder away',
    retry: false,
  },
  E_STORE_LOCKED: {
    about: 'Another process has the folder open',
    remedy: 'Stop it, or use another --data',
    retry: true,
  },
  E_PORT: {
    about: 'The port cannot be opened',
    remedy: 'Use another --port (0 picks a free one), or stop what holds it',
    retry: true,
  },
  E_USAGE: {
    about: 'The command line, environment or config file is wrong',
    remedy: 'See covey help',
    retry: false,
  },
  E_WAIT_TIMEOUT: {
    about: 'What was waited for did not come in time',
    remedy: 'See whether broker, coordinator and devices are up: covey get devices',
    retry: true,
  },
  E_STORE_WRITE: {
    about: 'The broker could not write its store; what it was writing was not acknowledged',
    remedy: 'Free disk space in the broker’s data folder, or make it writable; publishers send again',
    retry: true,
  },
  E_DENIED: {
    about: 'The access rules do not allow this client to do that',
    remedy: 'Use a user whose role may, see docs/operations.md',
    retry: false,
  },
  E_TOPIC: {
    about: 'A topic or filter is not well formed, or is none of the protocol’s',
    remedy: 'Compare it with the topics in docs/protocol.md',
    retry: false,
  },
  E_PACKET: {
    about: 'What arrived is not MQTT 3.1.1',
    remedy: 'Use an MQTT 3.1.1 client and the right port',
    retry: false,
  },
  E_BROKER_LIMIT: {
    about: 'A limit of the broker was reached; the message names it',
    remedy: 'Send less, or raise the named limit of the broker',
    retry: true,
  },
  E_NO_TASK: {
    about: 'The mesh knows no task of that id',
    remedy: 'See covey get tasks; a status is kept for the task’s ttl, an hour by default',
    retry: false,
  },
  E_NO_DEVICE: {
    about: 'The mesh knows no device of that id',
    remedy: 'See covey get devices',
    retry: false,
  },
  E_HELD: {
    about: 'The device is held by somebody else',
    remedy: 'Wait until the hold is over, ask its holder, or end it with covey release',
    retry: true,
  },
  E_SCENARIO: {
    about: 'A scenario, or a file that it needs, cannot be used; the message names line and column',
    remedy: 'Compare it with docs/simulation.md',
    retry: false,
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
