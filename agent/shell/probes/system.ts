/** What the device is: labels that every agent gives itself, and how long it has been up. */
import { hostname, machine, platform, release, uptime } from 'node:os'
import { LABEL_CHARS_MAX } from '../../../shared/protocol/schemas/index.ts'
import { type Roots, readText, SYSTEM_ROOTS } from './roots.ts'

/** Names that container images use; `uname -m` calls the same architecture differently from system to system. */
const ARCHITECTURES: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64', i386: '386', i686: '386' }

/** `arch` like "amd64", "arm64", "armv7l"; `os` like "linux", "darwin"; `hostname`; `kernel` like "6.1.0". */
export function detectLabels(): Record<string, string> {
  const labels = {
    arch: ARCHITECTURES[machine()] ?? machine(),
    os: platform() as string,
    hostname: hostname(),
    kernel: release(),
  }
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, value.slice(0, LABEL_CHARS_MAX)]),
  )
}

/** Seconds since the device started. */
export function readUptime(roots: Roots = SYSTEM_ROOTS): number {
  const seconds = Number.parseFloat(readText(`${roots.proc}/uptime`) ?? '')
  return Number.isNaN(seconds) ? uptime() : seconds
}
