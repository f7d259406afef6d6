/** Space where the agent keeps its data. */
import { statfsSync } from 'node:fs'

export interface Disk {
  readonly totalBytes: number
  /** What a program without privileges may still write. */
  readonly freeBytes: number
}

/** @throws what the file system says when there is no such folder */
export function readDisk(folder: string): Disk {
  const { blocks, bavail, bsize } = statfsSync(folder)
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
}
