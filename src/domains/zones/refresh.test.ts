import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../platform/log.ts'
import { createRefresher } from './refresh.ts'

test('what is noted at the very moment that a reading ends is read, too', async () => {
  for (let ticks = 0; ticks < 20; ticks++) {
    const read: string[] = []
    const refresher = createRefresher({
      log: createLogger('error'),
      async refresh(ids) {
        read.push(...ids)
        if (ids.includes('first')) void noteLater(ticks)
      },
      findChanged: async () => [],
    })
    const noteLater = async (left: number): Promise<void> => {
      for (let at = 0; at < left; at++) await null
      refresher.note('second')
    }
    refresher.start()
    refresher.note('first')
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(read, ['first', 'second'], `${ticks} turns later`)
    await refresher.stop()
  }
})
