/** The exit codes of `covey`; `EXIT_CODES` is the table that help and docs show. */
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2
/** As `timeout` has it. */
export const EXIT_TIMED_OUT = 124
/** What run exits with when it was Covey, not the command, that failed; docker and timeout do the same. */
export const EXIT_RUN_FAILURE = 125
export const EXIT_NOT_FOUND = 127
export const EXIT_SIGNAL_BASE = 128
export const EXIT_CANCELLED = 130
/** How a process ends that writes into a closed pipe: 128 + SIGPIPE. */
export const EXIT_PIPE = 141

export const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'It worked; run: the command succeeded; broker, agent, up: ended when asked to'],
  ['1', 'It did not work; the message says why (run uses 125)'],
  ['2', 'Wrong usage (run uses 125)'],
  ['N', 'run: the exit code of the command'],
  ['124', 'run: the task exceeded its timeout'],
  ['125', 'run: Covey could not run it: rejected, lost, no broker, no answer in time'],
  ['127', 'run: the command does not exist on the device'],
  ['128+N', 'run: the command was ended by signal N'],
  ['129', 'Ended because its terminal was closed'],
  ['130', 'Ended by Ctrl-C; run: the task was cancelled'],
  ['143', 'Ended by SIGTERM'],
]
