import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkBody } from '../../../shared/protocol/codec.ts'
import { readBattery } from './battery.ts'
import { detectCapacity } from './capacity.ts'
import { cpuCores, createCpuProbe } from './cpu.ts'
import { createLoadProbe } from './load.ts'
import { readMemory } from './memory.ts'
import type { Roots } from './roots.ts'
import { detectLabels } from './system.ts'
import { readTemperature } from './temperature.ts'

let folder: string
let roots: Roots
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'covey-probes-'))
  roots = { proc: join(folder, 'proc'), sys: join(folder, 'sys') }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Writes files given by their paths below the roots, like `{ 'proc/stat': '…' }`. */
function show(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), `${text}\n`)
  }
}
const MEMINFO = 'MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:    6000000 kB'
const G = 'sys/fs/cgroup'
const V1 = (path: string) =>
  `12:memory:${path}\n7:cpu,cpuacct:${path}\n3:cpuset:${path}\n1:name=systemd:${path}\n0::${path}`

describe('cores', () => {
  it.each<[string, Record<string, string>, number]>([
    ['are all without a cgroup', {}, 8],
    [
      'are all when version 2 sets no quota',
      { 'proc/self/cgroup': '0::/', [`${G}/cpu.max`]: 'max 100000' },
      8,
    ],
    ['are the quota of version 2', { 'proc/self/cgroup': '0::/a', [`${G}/a/cpu.max`]: '150000 100000' }, 1.5],
    [
      'are the tightest quota of all levels',
      {
        'proc/self/cgroup': '0::/a/b',
        [`${G}/a/cpu.max`]: '50000 100000',
        [`${G}/a/b/cpu.max`]: '200000 100000',
      },
      0.5,
    ],
    ['are no more than there are', { 'proc/self/cgroup': '0::/', [`${G}/cpu.max`]: '9900000 100000' }, 8],
    [
      'are the quota of version 1 in a container, where the path is not mounted',
      {
        'proc/self/cgroup': V1('/docker/0123'),
        [`${G}/cpu,cpuacct/cpu.cfs_quota_us`]: '200000',
        [`${G}/cpu,cpuacct/cpu.cfs_period_us`]: '100000',
      },
      2,
    ],
    [
      'are the quota of version 1 under the name of one controller',
      {
        'proc/self/cgroup': V1('/x'),
        [`${G}/cpu/x/cpu.cfs_quota_us`]: '25000',
        [`${G}/cpu/x/cpu.cfs_period_us`]: '100000',
      },
      0.25,
    ],
    [
      'are all when version 1 sets no quota',
      {
        'proc/self/cgroup': V1('/'),
        [`${G}/cpu/cpu.cfs_quota_us`]: '-1',
        [`${G}/cpu/cpu.cfs_period_us`]: '100000',
      },
      8,
    ],
  ])('%s', (_name, files, cores) => {
    show(files)
    expect(cpuCores(roots, 8)).toBe(cores)
  })

  it('in use are those of the device between two calls', () => {
    let nowMs = 0
    show({ 'proc/stat': 'cpu  1000 100 500 90000 400 30 20 50 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1' })
    const probe = createCpuProbe(roots, () => nowMs)
    expect(probe()).toBeUndefined()
    nowMs = 2_000
    show({ 'proc/stat': 'cpu  1200 100 600 95000 900 30 20 50 9 0\ncpu0 1 1 1 1 1 1 1 1 1 1' })
    expect(probe()).toBeCloseTo(1.5)
    expect(probe()).toBeUndefined()
    nowMs = 3_000
    show({ 'proc/stat': 'cpu  1100 100 600 95000 900 30 20 50 9 0' })
    expect(probe()).toBe(0)
  })

  it.each<[string, Record<string, string>, Record<string, string>]>([
    [
      'version 2',
      {
        'proc/self/cgroup': '0::/a',
        [`${G}/a/cpu.max`]: '200000 100000',
        [`${G}/a/cpu.stat`]: 'usage_usec 1000000\nuser_usec 1',
      },
      { [`${G}/a/cpu.stat`]: 'usage_usec 1750000\nuser_usec 1' },
    ],
    [
      'version 1',
      {
        'proc/self/cgroup': V1('/d'),
        [`${G}/cpu,cpuacct/cpu.cfs_quota_us`]: '200000',
        [`${G}/cpu,cpuacct/cpu.cfs_period_us`]: '100000',
        [`${G}/cpu,cpuacct/cpuacct.usage`]: '1000000000',
      },
      { [`${G}/cpu,cpuacct/cpuacct.usage`]: '1750000000' },
    ],
  ])('in use are those of the cgroup when a quota of %s bounds it', (_name, before, after) => {
    let nowMs = 0
    show({ ...before, 'proc/stat': 'cpu  0 0 0 0 0 0 0 0 0 0' })
    const probe = createCpuProbe(roots, () => nowMs)
    probe()
    nowMs = 1_000
    show({ ...after, 'proc/stat': 'cpu  9999 0 0 0 0 0 0 0 0 0' })
    expect(probe()).toBeCloseTo(0.75)
  })
})

describe('memory', () => {
  const device = { totalBytes: 8_000_000 * 1024, usedBytes: 2_000_000 * 1024 }
  it.each<[string, Record<string, string>, { totalBytes: number; usedBytes: number }]>([
    ['is the device’s without a cgroup', {}, device],
    [
      'is the device’s when version 2 sets no limit',
      { 'proc/self/cgroup': '0::/', [`${G}/memory.max`]: 'max' },
      device,
    ],
    [
      'is the device’s when version 1 sets no limit',
      { 'proc/self/cgroup': V1('/'), [`${G}/memory/memory.limit_in_bytes`]: '9223372036854771712' },
      device,
    ],
    [
      'is the limit of version 2, used without the cache',
      {
        'proc/self/cgroup': '0::/a',
        [`${G}/a/memory.max`]: '1000000',
        [`${G}/a/memory.current`]: '700000',
        [`${G}/a/memory.stat`]: 'anon 1\ninactive_file 200000\nactive_file 5',
      },
      { totalBytes: 1_000_000, usedBytes: 500_000 },
    ],
    [
      'is the limit of version 1, used without the cache',
      {
        'proc/self/cgroup': V1('/docker/9'),
        [`${G}/memory/memory.limit_in_bytes`]: '1000000',
        [`${G}/memory/memory.usage_in_bytes`]: '700000',
        [`${G}/memory/memory.stat`]: 'inactive_file 1\ntotal_inactive_file 300000',
      },
      { totalBytes: 1_000_000, usedBytes: 400_000 },
    ],
    [
      'is the tightest limit of all levels',
      {
        'proc/self/cgroup': '0::/a/b',
        [`${G}/a/memory.max`]: '1000',
        [`${G}/a/memory.current`]: '900',
        [`${G}/a/b/memory.max`]: '2000',
      },
      { totalBytes: 1_000, usedBytes: 900 },
    ],
  ])('%s', (_name, files, expected) => {
    show({ 'proc/meminfo': MEMINFO, ...files })
    expect(readMemory(roots)).toEqual(expected)
  })
})

describe('sensors', () => {
  it('are absent where there are none', () => {
    expect(readTemperature(roots)).toBeUndefined()
    expect(readBattery(roots)).toBeUndefined()
  })

  it('give the hottest plausible temperature', () => {
    show({
      'sys/class/thermal/thermal_zone0/temp': '41000',
      'sys/class/thermal/thermal_zone1/temp': '-274000',
      'sys/class/thermal/cooling_device0/temp': '99000',
      'sys/class/hwmon/hwmon0/temp1_input': '55500',
      'sys/class/hwmon/hwmon0/temp1_crit': '100000',
      'sys/class/hwmon/hwmon1/temp1_input': 'broken',
    })
    expect(readTemperature(roots)).toBe(55.5)
  })

  it('give the charge of the device’s own batteries', () => {
    const supplies = 'sys/class/power_supply'
    show({
      [`${supplies}/AC/type`]: 'Mains',
      [`${supplies}/BAT0/type`]: 'Battery',
      [`${supplies}/BAT0/capacity`]: '80',
      [`${supplies}/BAT1/type`]: 'Battery',
      [`${supplies}/BAT1/capacity`]: '40',
      [`${supplies}/hid-mouse/type`]: 'Battery',
      [`${supplies}/hid-mouse/scope`]: 'Device',
      [`${supplies}/hid-mouse/capacity`]: '3',
    })
    expect(readBattery(roots)).toBe(60)
  })
})

describe('what a device says of itself', () => {
  const state = (more: object) => ({
    incarnation: 1,
    nonce: 'n',
    online: true,
    labels: {},
    capacity: {},
    executors: [],
    candidate: 'auto',
    version: '1',
    ...more,
  })

  it('is capacity less a reserve, as the protocol writes quantities', () => {
    show({ 'proc/meminfo': MEMINFO, 'proc/self/cgroup': '0::/', [`${G}/cpu.max`]: '50000 100000' })
    const capacity = detectCapacity(folder, { gpu: 1 }, roots)
    expect(capacity).toMatchObject({
      cpu: '500m',
      memory: `${Math.floor((8_000_000 * 0.9) / 1024)}Mi`,
      gpu: 1,
    })
    expect(checkBody('state', state({ capacity }))).toBeUndefined()
    expect(detectCapacity(folder, { cpu: '250m' }, roots)['cpu']).toBe('250m')
  })

  it('is never an override that is no quantity', () => {
    expect(() => detectCapacity(folder, { memory: 'lots' })).toThrow(
      'capacity memory: "lots" is not a quantity',
    )
  })

  it('holds on this machine', () => {
    const capacity = detectCapacity(folder)
    const labels = detectLabels()
    expect(checkBody('state', state({ capacity, labels }))).toBeUndefined()
    expect(labels).toMatchObject({ arch: expect.stringMatching(/^[a-z0-9_]+$/), os: process.platform })
    const measured = createLoadProbe(folder)()
    expect(measured.memoryUsed).toBeGreaterThan(0)
    expect(measured.memoryUsed).toBeLessThan(measured.memoryTotal as number)
    expect(measured.diskFree).toBeGreaterThan(0)
    expect(measured.uptime).toBeGreaterThan(0)
    expect(measured.cpu ?? 0).toBeLessThanOrEqual(availableParallelism() + 1)
  })

  it('is told without the disk when that is gone', () => {
    const probe = createLoadProbe(join(folder, 'unplugged'))
    expect(probe()).not.toHaveProperty('diskFree')
    expect(probe().memoryUsed).toBeGreaterThan(0)
  })

  it('measures sensors seldom and the rest with every call', () => {
    let nowMs = 0
    show({ 'proc/meminfo': MEMINFO, 'proc/stat': 'cpu  0 0 0 0 0 0 0 0 0 0', 'proc/uptime': '77.5 1.0' })
    show({ 'sys/class/thermal/thermal_zone0/temp': '40000' })
    const probe = createLoadProbe(folder, roots, () => nowMs)
    nowMs = 1_000
    show({ 'proc/stat': 'cpu  50 0 0 0 0 0 0 0 0 0' })
    expect(probe()).toMatchObject({ cpu: 0.5, temperature: 40, uptime: 77 })
    show({ 'sys/class/thermal/thermal_zone0/temp': '50000' })
    nowMs = 2_000
    expect(probe()).toMatchObject({ cpu: 0, temperature: 40 })
    nowMs = 20_000
    expect(probe()).toMatchObject({ temperature: 50 })
  })
})
