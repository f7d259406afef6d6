import { describe, expect, it } from 'vitest'
import { createLog, formatLine } from './log.ts'

describe('the log', () => {
  function write(readable: boolean): string {
    let text = ''
    const destination = {
      write: (line: string) => {
        text += line
      },
    }
    const log = createLog({ level: 'info', readable, context: { device: 'pi-1' }, destination })
    log.debug({}, 'not shown')
    log.warn({ why: 'a b', count: 2, who: 'x' }, 'something happened')
    return text
  }

  it('is JSON for programs', () => {
    const line = JSON.parse(write(false)) as Record<string, unknown>
    expect(line).toMatchObject({ level: 40, device: 'pi-1', why: 'a b', count: 2, msg: 'something happened' })
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  })

  it('is one readable line for people', () => {
    expect(write(true)).toMatch(
      /^[\d:.]{12} WARN {2}something happened device=pi-1 why="a b" count=2 who=x\n$/,
    )
  })

  it('stays one line whatever it says', () => {
    const line = formatLine(
      JSON.stringify({ level: 50, time: '2030-01-01T00:00:00.000Z', msg: 'm\nn', stack: 'a\nb' }),
    )
    expect(line).toBe('00:00:00.000 ERROR m\\nn stack="a\\nb"\n')
  })
})
