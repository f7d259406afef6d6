/** A real podman with a store of its own, and an image made from nothing but a static busybox. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requires } from './requires.ts'

const podman = requires('podman')
const runc = requires('runc')
const busybox = requires('busybox')

/** Whether its tests can run here. */
export const containers = { available: podman.available && runc.available && busybox.available }

export const IMAGE = 'localhost/covey-test:1'

export interface Podman {
  readonly program: string
  readonly global: readonly string[]
  /** What a container needs where tests run, themselves often in a container. */
  readonly options: readonly string[]
  /** Runs podman on that store. */
  call(...argv: string[]): string
  close(): void
}

export function startPodman(): Podman {
  // A short path: sockets live below it.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cpm-')))
  const global = [
    ...[`--root=${folder}/root`, `--runroot=${folder}/run`, '--storage-driver=vfs'],
    ...['--runtime=runc', '--cgroup-manager=cgroupfs', '--events-backend=none'],
  ]
  const call = (...argv: string[]) => {
    return execFileSync(podman.path, [...global, ...argv], { encoding: 'utf8', timeout: 60_000 })
  }
  const context = join(folder, 'context')
  mkdirSync(context)
  copyFileSync(busybox.path, join(context, 'busybox'))
  writeFileSync(
    join(context, 'Containerfile'),
    'FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin MADE=here\nWORKDIR /tmp\n' +
      'CMD ["busybox", "echo", "by default"]\n',
  )
  call('build', '--quiet', '--tag', IMAGE, context)
  return {
    program: podman.path,
    global,
    options: ['--network=none', '--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'],
    call,
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
