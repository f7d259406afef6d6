/**
 * Holds what a module writes into its folder to a number of bytes: the calls of WASI that take room on the disk answer
 * that there is none (`ENOSPC`) once it is used up. What is removed again gives no room back. The standard streams are
 * bounded elsewhere and stay what they are: a file that took the number of one would be bounded nowhere.
 */

/** A call of WASI: numbers in, an error number out; 0 is success. */
type Call = (...args: never[]) => number
export type Calls = Readonly<Record<string, Call>>

/** Of WASI preview 1. */
const BADF = 8
const NOSPC = 51
const O_CREAT = 1
const STDERR = 2
/** What a file or folder takes beside its content. */
const ENTRY_BYTES = 1024
/** An `iovec`: two words of 32 bits, address and length. */
const IOVEC_BYTES = 8

export function boundFiles(calls: Calls, bytesMax: number, memory: () => ArrayBufferLike): Calls {
  let left = bytesMax
  // Addresses beyond 2 GiB come as negative numbers.
  const word = (at: number): number => new DataView(memory()).getUint32(at >>> 0, true)
  const spend = (bytes: number, answer: () => number): number => {
    if (bytes > left) return NOSPC
    const errno = answer()
    if (errno === 0) left -= bytes
    return errno
  }
  const total = (iovs: number, count: number): number => {
    let bytes = 0
    for (let i = 0; i < count >>> 0; i++) bytes += word(iovs + i * IOVEC_BYTES + 4)
    return bytes
  }
  const bounded: Record<string, (...args: never[]) => number> = {
    fd_write: (fd: number, iovs: number, count: number, written: number) => {
      const answer = () => call('fd_write', fd, iovs, count, written)
      return fd <= STDERR ? answer() : spend(total(iovs, count), answer)
    },
    fd_pwrite: (fd: number, iovs: number, count: number, offset: bigint, written: number) =>
      spend(total(iovs, count), () => call('fd_pwrite', fd, iovs, count, offset, written)),
    fd_allocate: (fd: number, offset: bigint, length: bigint) =>
      spend(Number(offset + length), () => call('fd_allocate', fd, offset, length)),
    fd_close: (fd: number) => (fd <= STDERR ? BADF : call('fd_close', fd)),
    fd_renumber: (from: number, to: number) =>
      Math.min(from, to) <= STDERR ? BADF : call('fd_renumber', from, to),
    path_open: (...args: number[]) =>
      spend(((args[4] ?? 0) & O_CREAT) === 0 ? 0 : ENTRY_BYTES, () => call('path_open', ...args)),
  }
  for (const name of ['path_create_directory', 'path_symlink', 'path_link']) {
    bounded[name] = (...args: number[]) => spend(ENTRY_BYTES, () => call(name, ...args))
  }
  const call = (name: string, ...args: (number | bigint)[]): number =>
    (calls[name] as Call)(...(args as never[]))
  return { ...calls, ...bounded }
}
